"""Rebuilding releases on the real workflow file: the champion and the oldest one, by hand and where schedules are on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from slipway.github.client import connect
from slipway.github.promote import promote
from slipway.github.release_page import publish
from tests.support.made_once import made_once
from tests.support.release_files import packed, quiet
from tests.support.releases_to_rebuild import Releases, make_releases
from tests.workflows.act import git
from tests.workflows.world import World, world_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture
def world(churn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A repository on GitHub with the releases 1.0.0 and 1.2.0; somebody has moved the tag of the first one by force."""
    made = made_once("reproduce", lambda folder: make_releases(churn, folder)) / "churn"
    releases = Releases(tmp_path / "clone", made / ".slipway" / "bundles")
    git(tmp_path, "clone", "--quiet", str(made), "clone")
    releases.move("v1.0.0", "slipway.toml", "seed = 0", "seed = 1")
    bare = tmp_path / "remote" / "octo" / "churn"
    git(tmp_path, "clone", "--quiet", "--bare", str(releases.project), str(bare))
    with world_of(tmp_path, "octo/churn", releases.project, private=False) as world:
        found = {"API_URL": world.github.url, "REPOSITORY": world.github.full_name, "TOKEN": world.machine.token}
        for name, value in found.items():
            monkeypatch.setenv(f"GITHUB_{name}", value)
        for tag in ("v1.0.0", "v1.2.0"):
            files, digest = packed(tmp_path, releases.bundle(tag), tag[1:])
            publish(connect(), tag, files, digest=digest, say=quiet)
            promote(connect(), tag, who="ann", reason="released", rollback=False, say=quiet)
        # uv keeps packages in the home folder, and that of a run is empty.
        cache = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")
        world.machine = replace(world.machine, environment={"UV_CACHE_DIR": cache})
        yield world


def test_the_supported_releases_are_rebuilt_and_their_pages_show_the_results(world: World) -> None:
    assert world.scheduled("reproduce.yml").jobs == {}
    before = {tag: [asset.name for asset in world.page(tag).assets] for tag in ("v1.0.0", "v1.2.0")}
    run = world.scheduled("reproduce.yml", SLIPWAY_SCHEDULES="on")
    assert run.jobs == {"rebuild": "failure", "pages": "success"}, run.why
    assert "1.2.0 is identical to its release" in world.page("v1.2.0").body
    moved = world.page("v1.0.0").body
    assert moved.startswith("<!-- made by slipway -->\n# 1.0.0\n")
    assert "1.0.0 differs from its release, first in settings: train.seed is 1 instead of 0" in moved
    assert "| `commit` | different |" in moved
    assert {tag: [asset.name for asset in world.page(tag).assets] for tag in before} == before
    assert world.latest() == "v1.2.0"


def test_a_version_that_is_none_is_refused_before_anything_runs(world: World) -> None:
    run = world.dispatched("reproduce.yml", version="1.2.0 --help")
    assert run.jobs["rebuild"] == "failure"
    assert "'1.2.0 --help' is not a release" in run.log
