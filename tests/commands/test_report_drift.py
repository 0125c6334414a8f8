"""One issue for a model that drifts, however often it alarms; closed when the drift has ended; a retrain, if so set."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from fake_github.fake import GitHub
from fake_github.origin import git

from slipway.bundle.release_file import verify
from slipway.commands.report_drift import update_issue
from slipway.drift.detect import DriftRequest, detect
from slipway.drift.reference import read_bundle_reference
from slipway.drift.result import Drift
from slipway.drift.windows import Threshold
from slipway.errors import GitHubError
from tests.support.drifting_rows import bundle_of, days, written
from tests.support.release_files import Client, quiet


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Drift]:
    """What was really found in rows that moved, and in rows that did not."""
    folder = tmp_path_factory.mktemp("rows")
    against = read_bundle_reference(verify(bundle_of(folder / "releases", days())))
    rows = {name: days(14, start="2013-10-01", seed=1, shift=shift) for name, shift in (("calm", 0.0), ("moved", 3.0))}
    return {
        name: detect(against, DriftRequest(str(written(folder / f"{name}.parquet", some)), Threshold(0.01, 0.1)))
        for name, some in rows.items()
    }


RETRAIN = """\
on:
  workflow_dispatch:
    inputs:
      through: {type: string, required: true}
      reason: {type: string, default: ""}
      dry-run: {type: boolean, default: true}
"""


def with_retrain(folder: Path) -> None:
    """Push the workflow that is to be started."""
    work = folder / "origin" / "work"
    (work / ".github/workflows").mkdir(parents=True)
    (work / ".github/workflows/retrain.yml").write_text(RETRAIN)
    git(work, "add", "-A")
    git(work, "commit", "-qm", "ci: retrain")
    git(work, "push", "-q", str(folder / "origin" / "bare.git"), "main")


def issues(github: GitHub) -> list[tuple[str, str, int]]:
    return [(issue.title, issue.state, len(issue.comments)) for issue in github.repository.issues]


def test_three_alarms_are_one_issue_with_the_report_and_the_command(
    github: GitHub, client: Client, found: dict[str, Drift], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"SERVER_URL": "https://github.com", "RUN_ID": "7"}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    moved = found["moved"]
    for day in ("14", "15", "16"):
        later = msgspec.structs.replace(moved, until=f"2013-10-{day}")
        assert update_issue(client, later, "issue", quiet).startswith("flights has drifted: http")
    assert issues(github) == [("flights has drifted", "open", 0)]
    (issue,) = github.repository.issues
    assert "| distance | yes | " in issue.body
    assert "$ slipway retrain --through 2013-10-16 --reason 'drift of " in issue.body
    assert "$ gh workflow run retrain.yml -f through=2013-10-16 -f reason='drift of " in issue.body
    assert "https://github.com/octo/flights/actions/runs/7" in issue.body
    assert list(issue.labels) == ["drift"]
    assert github.dispatches == []


def test_recovery_closes_it_and_the_next_drift_opens_another(
    github: GitHub, client: Client, found: dict[str, Drift]
) -> None:
    assert update_issue(client, found["calm"], "issue", quiet) == "flights: no drift"
    assert issues(github) == []
    update_issue(client, found["moved"], "issue", quiet)
    assert "the drift has ended; closed" in update_issue(client, found["calm"], "issue", quiet)
    assert issues(github) == [("flights has drifted", "closed", 1)]
    assert github.repository.issues[0].comments[0].body.startswith("The drift has ended.\n\n**No drift** of flights.")
    update_issue(client, found["calm"], "issue", quiet)
    update_issue(client, found["moved"], "issue", quiet)
    assert issues(github) == [("flights has drifted", "closed", 1), ("flights has drifted", "open", 0)]


def test_each_model_has_an_issue_of_its_own_and_those_of_people_are_left_alone(
    github: GitHub, client: Client, found: dict[str, Drift]
) -> None:
    client.create_issue("flights has drifted", "somebody thinks")
    update_issue(client, found["moved"], "issue", quiet)
    update_issue(client, msgspec.structs.replace(found["moved"], model="parcels"), "issue", quiet)
    update_issue(client, found["calm"], "issue", quiet)
    told = [
        ("flights has drifted", "open", 0),
        ("flights has drifted", "closed", 1),
        ("parcels has drifted", "open", 0),
    ]
    assert issues(github) == told


def test_a_retrain_is_started_once_for_each_drift(
    github: GitHub, client: Client, found: dict[str, Drift], tmp_path: Path
) -> None:
    with_retrain(tmp_path)
    for _ in range(3):
        update_issue(client, found["moved"], "retrain", quiet)
    (started,) = github.dispatches
    assert (started.ref, started.inputs["through"], started.inputs["dry-run"]) == (
        "refs/heads/main",
        "2013-10-14",
        "false",
    )
    assert started.inputs["reason"].startswith("drift of ")
    assert issues(github) == [("flights has drifted", "open", 0)]
    assert "`retrain.yml` was started." in github.repository.issues[0].body
    update_issue(client, found["calm"], "retrain", quiet)
    update_issue(client, found["moved"], "retrain", quiet)
    assert len(github.dispatches) == 2


def test_a_retrain_that_could_not_be_started_is_started_the_next_time(
    github: GitHub, client: Client, found: dict[str, Drift], tmp_path: Path
) -> None:
    with pytest.raises(GitHubError, match="retrain.yml could not be started"):
        update_issue(client, found["moved"], "retrain", quiet)
    assert issues(github) == [("flights has drifted", "open", 0)]
    with_retrain(tmp_path)
    update_issue(client, found["moved"], "retrain", quiet)
    assert len(github.dispatches) == 1 and len(issues(github)) == 1
