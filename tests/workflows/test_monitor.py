"""The monitor on its real workflow file: one issue while the champion drifts, none of it where nobody turned it on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_github.fake import GitHub

from slipway.github.client import connect
from slipway.github.promote import promote
from slipway.github.release_page import publish
from tests.support.drifting_rows import SETTINGS, bundle_of, days, written
from tests.support.release_files import packed, quiet
from tests.workflows.act import Machine, Run, git
from tests.workflows.team import bare_copy, commit

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ALL = {"contents": "write", "deployments": "write", "issues": "write", "actions": "write"}


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GitHub]:
    """A repository of this tree whose champion is a tiny model with a reference."""
    clone = bare_copy(tmp_path, "octo/flights")
    (clone / "slipway.toml").write_text(SETTINGS)
    commit(clone, "feat: a tiny model")
    git(clone, "tag", "v1.0.0")
    git(clone, "push", "--quiet", "origin", "v1.0.0")
    with GitHub(tmp_path / "remote" / "octo" / "flights") as github:
        yield github
        assert github.unknown == []


@pytest.fixture
def machine(github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    token = github.token(**ALL)
    for name, value in {"GITHUB_API_URL": github.url, "GITHUB_REPOSITORY": github.full_name, "GH_TOKEN": token}.items():
        monkeypatch.setenv(name, value)
    on = connect()
    files, digest = packed(tmp_path, bundle_of(tmp_path / "made", days(), version="1.0.0"), "1.0.0")
    publish(on, "v1.0.0", files, digest=digest, say=quiet)
    promote(on, "v1.0.0", who="ann", reason="released", rollback=False, say=quiet)
    (tmp_path / "home").mkdir()
    bare = github.repository.bare.path
    return Machine(bare=bare, repository=github.full_name, api_url=github.url, token=token, home=tmp_path / "home")


def looked(machine: Machine, current: Path) -> Run:
    """A person runs the monitor."""
    return machine.run("monitor.yml", "workflow_dispatch", "refs/heads/main", inputs={"current": str(current)})


def test_the_issue_is_opened_kept_and_closed_and_what_cannot_be_read_is_red(
    machine: Machine, github: GitHub, tmp_path: Path
) -> None:
    moved = written(tmp_path / "moved.parquet", days(21, start="2013-10-01", seed=1, shift=3.0))
    for _ in range(2):
        run = looked(machine, moved)
        assert run.jobs == {"drift": "success", "report": "success"}, run.why
    assert [(issue.title, issue.state) for issue in github.repository.issues] == [("flights has drifted", "open")]
    run = looked(machine, tmp_path / "nowhere.parquet")
    assert run.jobs == {"drift": "failure"}, run.why
    assert "no such file or folder" in run.log
    calm = written(tmp_path / "calm.parquet", days(21, start="2013-10-01", seed=1))
    run = looked(machine, calm)
    assert run.green, run.why
    assert [(issue.title, issue.state) for issue in github.repository.issues] == [("flights has drifted", "closed")]


def test_a_schedule_does_nothing_where_nobody_turned_it_on(machine: Machine) -> None:
    run = machine.run("monitor.yml", "schedule", "refs/heads/main")
    assert run.jobs == {}
