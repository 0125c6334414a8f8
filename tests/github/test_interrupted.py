"""Killed, refused, timed out or cut short at any request: done again, the end is always the same.

Kills hit the real command in a process of its own; the other faults hit the same functions here.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fake_github.fake import GitHub
from fake_github.faults import Fault

from slipway.bundle.signature import Trust
from slipway.commands.pull import follow_latest
from slipway.github.client import connect, retry
from slipway.github.deployments import records
from slipway.github.promote import promote
from slipway.github.release_page import publish
from slipway.target.target import Target
from tests.support.fork_server import slipway
from tests.support.release_files import ALL, SETTINGS, bare_repository, publish_and_promote, quiet, release_files, truth
from tests.support.sampling import sample

KINDS: dict[str, Callable[[int], Fault]] = {
    "a 500": lambda k: Fault("answer", at=k, status=500),
    "a 502 after the work was done": lambda k: Fault("answer", at=k, after=True, status=502),
    "a reset": lambda k: Fault("reset", at=k),
    "no answer": lambda k: Fault("hang", at=k, after=True),
    "half an answer": lambda k: Fault("cut answer", at=k),
    "half an upload": lambda k: Fault("cut upload", at=k, matching="POST .*/assets"),
}
STATE = ("releases", "pinned_latest", "burned_tags", "deployments", "issues", "ids")
"""What a fake remembers of its repository, apart from the git that never changes here."""


@dataclass(frozen=True, slots=True)
class World:
    """One GitHub, one host, and the release that is to be published, promoted and pulled."""

    github: GitHub
    folder: Path
    files: Path
    digest: str

    @property
    def target(self) -> Target:
        return Target(self.folder / "host" / "target")

    def serving(self) -> str | None:
        champion = self.target.champion() if self.target.path.exists() else None
        return champion.release.version if champion else None


def prepare(world: World, command: str) -> None:
    """1.0.0 is champion (and serves, where the command is about that); 1.0.1 is as far as the command needs it."""
    client = connect()
    publish_and_promote(client, world.folder / "first", "1.0.0")
    if command == "pull":
        follow_latest(world.target, client, trust=Trust(), progress=quiet)
    if command != "release-page":
        publish(client, "v1.0.1", world.files, digest=world.digest, say=quiet)
    if command == "pull":
        promote(client, "v1.0.1", who="ann", reason="released", rollback=False, say=quiet)


def arguments(world: World, command: str) -> list[str]:
    settings = ["--settings", str(world.folder / "host" / "slipway.toml")]
    return {
        "release-page": ["ci", "release-page", "v1.0.1", "--files", str(world.files), "--digest", world.digest],
        "promote": ["promote", "v1.0.1"],
        "pull": ["pull", *settings],
    }[command]


def done_here(world: World, command: str) -> None:
    client = connect()
    work: dict[str, Callable[[], Any]] = {
        "release-page": lambda: publish(client, "v1.0.1", world.files, digest=world.digest, say=quiet),
        "promote": lambda: promote(client, "v1.0.1", who="ann", reason="released", rollback=False, say=quiet),
        "pull": lambda: follow_latest(world.target, client, trust=Trust(), progress=quiet),
    }
    retry(work[command], quiet)


def end_state(world: World, command: str) -> dict[str, Any]:
    """All that a user could see: pages with their bytes, who is Latest, the record, and what the host serves."""
    told = [(r.record.action, r.record.to, r.state) for r in records(connect())]
    return {
        "pages": truth(world.github),
        "latest": connect().get_latest_release().tag_name,
        "records": sorted(entry for entry in set(told) if entry[2] != "failed"),
        "unfinished": [entry for entry in told if entry[2] == "unfinished"],
        "serving": world.serving(),
        "incoming": [str(path) for path in world.target.path.glob(".incoming*") if path.is_dir()],
    }


class Worlds:
    """Makes worlds that are ready for a command: prepared once, then copied, each with a GitHub of its own."""

    def __init__(self, folder: Path, setenv: Callable[[str, str], None]) -> None:
        self.folder, self.setenv, self.running = folder, setenv, ExitStack()
        self.files, self.digest = release_files(folder / "files", "1.0.1", bias=1)
        self.bare = bare_repository(folder / "origin")
        self.ready: dict[str, World] = {}
        self.count = 0

    def world(self, command: str) -> World:
        if command not in self.ready:
            self.ready[command] = self._empty()
            prepare(self.ready[command], command)
        first, copied = self.ready[command], self._empty()
        for name in STATE:
            setattr(copied.github.repository, name, copy.deepcopy(getattr(first.github.repository, name)))
        shutil.rmtree(copied.folder / "host")
        shutil.copytree(first.folder / "host", copied.folder / "host", symlinks=True)
        return copied

    def _empty(self) -> World:
        self.count += 1
        github = self.running.enter_context(GitHub(self.bare, immutable_releases=True))
        for name, value in environment(github).items():
            self.setenv(name, value)
        folder = self.folder / f"world-{self.count}"
        (folder / "host").mkdir(parents=True)
        (folder / "host" / "slipway.toml").write_text(SETTINGS)
        return World(github, folder, self.files, self.digest)


@pytest.fixture
def worlds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worlds]:
    made = Worlds(tmp_path, monkeypatch.setenv)
    with made.running:
        yield made


def environment(github: GitHub) -> dict[str, str]:
    token = github.token("octocat", **ALL)
    names = {"GITHUB_API_URL": github.url, "GITHUB_REPOSITORY": github.full_name, "GH_TOKEN": token}
    return {**names, "SLIPWAY_GITHUB_TIMEOUT": "20"}


def undisturbed(worlds: Worlds, command: str, counted: str = "") -> tuple[list[str], dict[str, Any]]:
    """The (such) requests that an undisturbed command makes, without numbers and queries; and the world after it."""
    world = worlds.world(command)
    done_here(world, command)
    asked = [request for request in map(str, world.github.requests) if re.search(counted, request)]
    return [re.sub(r"\d+|\?.*", "", request) for request in asked], end_state(world, command)


def sampled(requests: list[str]) -> list[int]:
    """Which requests to disturb, counted from 1."""
    return sample(range(1, len(requests) + 1), kind=lambda k: requests[k - 1])


@pytest.mark.slow
@pytest.mark.parametrize("command", ["release-page", "promote", "pull"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_any_request_ends_as_if_there_had_been_none(worlds: Worlds, command: str, kind: str) -> None:
    requests, goal = undisturbed(worlds, command, KINDS[kind](1).matching)
    assert len(requests) >= 3 or kind == "half an upload"
    for k in sampled(requests):
        one = worlds.world(command)
        if kind == "no answer":
            worlds.setenv("SLIPWAY_GITHUB_TIMEOUT", "1")
        one.github.plan(KINDS[kind](k))
        done_here(one, command)
        assert end_state(one, command) == goal, f"{kind} at request {k} of {len(requests)}"


@pytest.mark.slow
@pytest.mark.parametrize("command", ["release-page", "promote", "pull"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_kill_at_any_request_is_mended_by_running_it_again(worlds: Worlds, command: str, after: bool) -> None:
    requests, goal = undisturbed(worlds, command)
    for k in sampled(requests):
        one = worlds.world(command)
        assert started_and_killed(one, command, k, after) == -signal.SIGKILL, f"request {k} of {len(requests)}"
        assert one.serving() in ("1.0.0", "1.0.1", None)
        done_here(one, command)
        assert end_state(one, command) == goal, f"killed at request {k} of {len(requests)}"


def started_and_killed(world: World, command: str, k: int, after: bool) -> int:
    """Run the real command, and kill it at its k-th request, before or after GitHub did what it asks."""
    pid: Future[int] = Future()
    world.github.plan(Fault("call", at=k, after=after, action=lambda: os.kill(pid.result(60), signal.SIGKILL)))
    code = slipway(world.folder / "host", *arguments(world, command), started=pid.set_result).returncode
    world.github.faults.clear()
    return code


def test_the_states_that_are_compared_tell_different_worlds_apart(worlds: Worlds) -> None:
    one = worlds.world("release-page")
    before = end_state(one, "release-page")
    done_here(one, "release-page")
    assert end_state(one, "release-page") != before
