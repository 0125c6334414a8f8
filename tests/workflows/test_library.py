"""library.yml on its real file: a dry run shows the version, a release is tagged, built and published, never as Latest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.workflows.act import git
from tests.workflows.team import commit
from tests.workflows.world import World, new_world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
CI = """\
name: ci
on: [workflow_call]
permissions: {}
jobs:
  check:
    runs-on: ubuntu-24.04
    steps:
      - run: "true"
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A repository of this tree; its own checks run in other tests."""
    with new_world(tmp_path, private=False, sample=False) as world:
        (world.team / ".github" / "workflows" / "ci.yml").write_text(CI)
        (world.team / "src" / "slipway" / "new.py").write_text('"""A change to the library."""\n')
        commit(world.team, "feat: the library")
        git(world.team, "tag", "v1.0.0")
        git(world.team, "push", "--quiet", "origin", "v1.0.0")
        yield world


def test_the_library_is_released_by_hand_and_the_project_does_not_notice(world: World) -> None:
    before = world.head("main")
    plan = world.dispatched("library.yml", **{"dry-run": "true"})
    assert plan.green, plan.why
    assert set(plan.jobs) == {"plan"}
    assert "the next version is 1.0.0; nothing was changed" in plan.log
    assert (world.head("main"), world.tags()) == (before, ["v1.0.0"])

    run = world.dispatched("library.yml", **{"dry-run": "false"})
    assert run.green, run.why
    assert {"plan", "tag", "build", "page"} <= set(run.jobs)
    assert "publish" not in run.jobs
    assert sorted(world.tags()) == ["slipway-ml-v1.0.0", "v1.0.0"]
    assert world.head("slipway-ml-v1.0.0^{commit}") == world.head("main") != before
    assert "## v1.0.0 (" in world.file("main", "src/CHANGELOG.md")
    page = world.page("slipway-ml-v1.0.0")
    assert sorted(asset.name for asset in page.assets) == [
        "slipway_ml-1.0.0-py3-none-any.whl",
        "slipway_ml-1.0.0.tar.gz",
    ]
    assert not page.prerelease

    again = world.dispatched("library.yml", **{"dry-run": "false"})
    assert again.green, again.why
    assert "is already published with the same files" in again.log


def test_the_upload_is_switched_on_by_a_variable_and_trusted_by_its_environment() -> None:
    jobs = yaml.safe_load((Path(__file__).parents[2] / ".github/workflows/library.yml").read_text())["jobs"]
    publish = jobs["publish"]
    assert publish["if"] == "vars.SLIPWAY_PUBLISH_LIBRARY == 'on'"
    assert publish["environment"] == "library"
    assert publish["steps"][-1]["run"] == ".uv/bin/uv publish --trusted-publishing always dist/*"
    assert not any("id-token" in job["permissions"] for name, job in jobs.items() if name != "publish")
    assert not any("secrets." in str(job) for job in jobs.values())
