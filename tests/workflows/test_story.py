"""The whole chain on the real workflow files: from an empty registry to releases, a refusal, a rollback and a resume."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from slipway.bundle.release_assets import parse_sums
from tests.support.sampling import ALL
from tests.workflows.act import git
from tests.workflows.team import set_parameter
from tests.workflows.world import World, history, new_world, server, serves

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with new_world(tmp_path, private=True) as world:
        yield world


def golden(world: World) -> dict[str, list[object]]:
    found: dict[str, list[object]] = json.loads((world.target / "current" / "golden.json").read_text())["inputs"]
    return found


def test_a_release_is_made_and_scores_and_a_breaking_pull_request_is_stopped(world: World) -> None:
    """What follows here in `make test-all` only, `test_story_of_a_new_project.py` shows each time."""
    first_release(world)
    with server(world) as port:
        serves(world, port, "1.0.0")
        documentation_releases_nothing(world)
        a_fix_that_breaks_callers_is_stopped_on_its_pull_request(world)
        batch_scores_with_the_champion(world)
        batch_keeps_the_rows_that_it_refuses(world)
        the_schedule_waits_for_its_variables(world)
        if ALL:
            it_is_retrained_refused_rolled_back_and_resumed(world, port)


def it_is_retrained_refused_rolled_back_and_resumed(world: World, port: int) -> None:
    a_retrain_is_a_release_like_any_other(world)
    serves(world, port, "1.0.1")
    a_worse_model_is_refused(world)
    serves(world, port, "1.0.1")
    a_rollback_reaches_everything(world)
    serves(world, port, "1.0.0")
    a_rerun_does_not_undo_it(world)
    the_next_release_waits_for_resume(world)
    serves(world, port, "1.0.3")


def first_release(world: World) -> None:
    (world.team / "README.md").write_text("# Ours\n")
    pushed = world.push("feat: predict late flights")
    assert pushed.green, pushed.why
    assert world.tags() == ["v1.0.0"]
    assert "predict late flights" in world.file("v1.0.0", "CHANGELOG.md").lower()
    assert 'version = "1.0.0"' in world.file("v1.0.0", "pyproject.toml")

    deployed = world.deploy()
    assert deployed.green, deployed.why
    assert set(deployed.jobs) == {"plan", "train", "sign", "page", "approve", "rollout", "promote", "verdict"}
    assert world.latest() == "v1.0.0"
    sums = parse_sums(world.asset("v1.0.0", "SHA256SUMS").decode(), "SHA256SUMS")
    for name, digest in sums.items():
        assert hashlib.sha256(world.asset("v1.0.0", name)).hexdigest() == digest
    assert {name.partition("-")[0] for name in sums} >= {"flights", "slipway_ml", "sbom.cdx.json", "report.html"}
    release = json.loads((world.target / "current" / "release.json").read_text())
    assert (release["version"], release["commit"]) == ("1.0.0", world.head("v1.0.0^{commit}"))


def documentation_releases_nothing(world: World) -> None:
    world.pull()
    (world.team / "README.md").write_text("# Ours, explained\n")
    pushed = world.push("docs: explain it")
    assert pushed.green, pushed.why
    assert "dispatch" not in pushed.jobs
    assert world.tags() == ["v1.0.0"]


def a_retrain_is_a_release_like_any_other(world: World) -> None:
    started = {"through": "2013-03-31", "reason": "$(March) ended", "dry-run": "false", "via": "push"}
    retrained = world.dispatched("retrain.yml", **started)
    assert retrained.jobs == dict.fromkeys(("rehearse", "push", "release"), "success"), retrained.why
    assert "through = 2013-03-31" in world.file("main", "slipway.toml")
    assert world.tags() == ["v1.0.0"]
    assert world.release().green
    assert "retrain on flights through 2013-03-31" in world.file("v1.0.1", "CHANGELOG.md").lower()
    deployed = world.deploy()
    assert deployed.green, deployed.why
    rules = json.loads(world.asset("v1.0.1", "verdict.json"))["rules"]
    assert "champion.roc_auc" in [rule["rule"] for rule in rules]
    assert "the model is identical to that of the trial run" in world.asset("v1.0.1", "notes.md").decode()
    release = json.loads((world.target / "current" / "release.json").read_text())
    assert (release["version"], release["data"]["through"]) == ("1.0.1", "2013-03-31")
    assert world.latest() == "v1.0.1"


def a_fix_that_breaks_callers_is_stopped_on_its_pull_request(world: World) -> None:
    world.pull()
    git(world.team, "checkout", "--quiet", "-b", "topic")
    settings = world.team / "slipway.toml"
    settings.write_text(settings.read_text().replace('seats = { type = "double", nullable = true }\n', ""))
    assert world.slipway("contract", "write").returncode == 0
    refused = world.pull_request("fix: do without seats")
    assert refused.jobs["compatibility"] == "failure"
    assert "seats" in refused.log
    assert "feat!:" in refused.log
    assert world.pull_request("feat!: do without seats").jobs["compatibility"] == "success"
    git(world.team, "checkout", "--quiet", "main")


def a_worse_model_is_refused(world: World) -> None:
    world.pull()
    set_parameter(world.team, "max_iter = 1")
    assert world.push("fix: train in no time").green
    assert world.tags()[-1] == "v1.0.2"
    deployed = world.deploy()
    assert deployed.jobs["verdict"] == "failure"
    assert "promote" not in deployed.jobs
    assert world.page("v1.0.2").name == "v1.0.2 (refused by the gate)"
    assert world.page("v1.0.2").prerelease
    assert not any("bundle" in asset.name for asset in world.page("v1.0.2").assets)
    assert [issue.title for issue in world.github.repository.issues] == ["The gate refused v1.0.2"]
    assert world.latest() == "v1.0.1"


def a_rollback_reaches_everything(world: World) -> None:
    done = world.dispatched("rollback.yml", version="1.0.0", reason="too many false alarms")
    assert done.green, done.why
    assert world.latest() == "v1.0.0"
    record = world.github.repository.deployments[-1].given["payload"]
    told = (record["action"], record["from"], record["to"], record["reason"], record["who"])
    assert told == ("rollback", "v1.0.1", "v1.0.0", "too many false alarms", "bob")
    assert history(world)[-1] == ("rollback", "1.0.0", "proved")


def batch_scores_with_the_champion(world: World) -> None:
    done = world.dispatched("batch.yml", **{"input": "docs/flights.csv", "keep": "flight,carrier"})
    assert done.green, done.why
    scores = pq.read_table(done.artifacts / "scores")
    assert scores.column_names[:3] == ["flight", "carrier", "prediction"]
    assert (len(scores), set(scores["release"].to_pylist())) == (100, {"1.0.0"})
    assert "## 100 rows scored by 1.0.0" in done.log
    assert "| `probability_late` |" in done.log


def batch_keeps_the_rows_that_it_refuses(world: World) -> None:
    source = world.folder / "some 'flights' of $(today).csv"
    source.write_text(
        (world.team / "docs/flights.csv").read_text().replace("2013-09-01 05:16:00,1545,UA,EWR", ",,UA,PHL")
    )
    failed = world.dispatched("batch.yml", input=str(source))
    assert failed.jobs == {"score": "failure"}
    assert "    1 of the 100 rows of" in failed.log.partition("## No dataset was published")[2]
    assert [path.name for path in failed.artifacts.iterdir()] == ["quarantine"]
    (row,) = pq.read_table(failed.artifacts / "quarantine").to_pylist()
    assert (row["file"], row["row"]) == (source.name, 0)
    allowed = world.dispatched("batch.yml", **{"input": str(source), "max-invalid": "1%", "keep": "carrier"})
    assert allowed.green, allowed.why
    assert (allowed.artifacts / "scores/_quarantine").is_dir()


def the_schedule_waits_for_its_variables(world: World) -> None:
    asleep, awake = world.scheduled("batch.yml"), {"SLIPWAY_SCHEDULES": "on", "SLIPWAY_BATCH_INPUT": "docs/flights.csv"}
    assert asleep.jobs == {}
    done = world.scheduled("batch.yml", **awake)
    assert done.green, done.why
    assert len(pq.read_table(done.artifacts / "scores")) == 100


def a_rerun_does_not_undo_it(world: World) -> None:
    again = world.deploy("v1.0.1")
    assert set(again.jobs) == {"plan", "verdict"}
    assert again.green, again.why
    assert "was replaced" in again.log
    assert world.latest() == "v1.0.0"


def the_next_release_waits_for_resume(world: World) -> None:
    world.pull()
    set_parameter(world.team, "max_iter = 80")
    assert world.push("fix: train properly again").green
    waiting = world.deploy()
    assert waiting.jobs["rollout"] == "failure"
    assert "too many false alarms" in waiting.log
    assert world.latest() == "v1.0.0"
    assert world.dispatched("resume.yml", reason="trained properly").green
    deployed = world.deploy("v1.0.3")
    assert deployed.green, deployed.why
    assert "train" not in deployed.jobs
    assert world.latest() == "v1.0.3"
    once_more = world.deploy("v1.0.3")
    assert once_more.green, once_more.why
    assert set(once_more.jobs) == {"plan", "verdict"}
