"""A components repository is released by its own workflow file, and a pull request that takes the release is compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.component_repositories import new_components
from tests.support.fork_server import slipway
from tests.support.git_repositories import git
from tests.workflows.team import bare_copy, commit
from tests.workflows.world import World, world_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def steps(tmp_path: Path) -> Iterator[World]:
    """A new components repository, pushed to GitHub."""
    team = bare_copy(tmp_path / "steps", "octo/steps", new_components())
    commit(team, "Initial commit")
    with world_of(tmp_path / "steps", "octo/steps", team, private=False) as world:
        world.machine = replace(world.machine, environment={"ARGS": "tests"})
        yield world


@pytest.fixture
def project(churn: Path, tmp_path: Path) -> Iterator[World]:
    team = bare_copy(tmp_path / "project", "octo/churn", churn)
    commit(team, "Initial commit")
    with world_of(tmp_path / "project", "octo/churn", team, private=False) as world:
        yield world


def test_a_release_of_components_is_taken_by_a_pull_request_that_shows_the_verdict(
    steps: World, project: World
) -> None:
    released = steps.push("feat: split and train")
    assert released.green, released.why
    assert steps.latest() == "v1.0.0"
    catalog = steps.asset("v1.0.0", "CATALOG.md").decode()
    assert "Since v1.0.0." in catalog
    assert "the next release" not in catalog
    assert "## v1.0.0" in steps.page("v1.0.0").body
    assert "### train" in steps.page("v1.0.0").body

    unchanged = project.pull_request("docs: nothing that trains")
    assert unchanged.green, unchanged.why
    assert "no version of a component moved; nothing was trained" in unchanged.log

    git(project.team, "rm", "-rq", "components/train")
    bare = steps.machine.bare
    with (project.team / "slipway.toml").open("a") as file:
        file.write(f'\n[components]\nrepository = {json.dumps(str(bare))}\nversion = "v1.0.0"\n')
    done = slipway(project.team, "components", "lock")
    assert done.returncode == 0, done.stderr
    git(project.team, "add", "--all")
    moved = project.pull_request("feat: train comes from the components repository")
    assert moved.green, moved.why
    now = git(bare, "rev-parse", "v1.0.0^{commit}")
    assert f"| `all others` | none | `v1.0.0 {now}` |" in moved.log
    assert "gate" in moved.log
    assert "roc_auc" in moved.log


def test_a_breaking_change_of_a_parameter_is_red_in_a_pull_request(steps: World) -> None:
    git(steps.team, "tag", "v1.0.0")
    git(steps.team, "push", "-q", "origin", "v1.0.0")
    for file in ("run.py", "MLproject"):
        path = steps.team / "components" / "train" / file
        path.write_text(path.read_text().replace("seed", "random_state"))
    red = steps.pull_request("feat: the usual name of the seed")
    assert red.jobs["compatibility"] == "failure"
    assert "parameter 'seed' of 'train' was renamed to 'random_state'" in red.log
    assert "callers of 1.0.0 need at least 2.0.0, but the next version is 1.1.0" in red.log
