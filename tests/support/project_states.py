"""A small real project before each command of its life: git, MLflow on SQLite, and every component in the cache.

All states share one place, since the store holds absolute paths, and one server may follow the target from state to
state: what it needs is never taken from under it.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from slipway.bundle.release_file import verify
from slipway.errors import SlipwayError
from slipway.target.journal import history
from slipway.target.readiness import wait_for_workers
from slipway.target.target import Target
from tests.support.fork_server import Ended, Kill, slipway
from tests.support.projects import commit, diabetes, edit, repository, with_store
from tests.support.running_server import Running, running

COMMANDS = {"first": ["ship"], "second": ["ship"], "rollback": ["rollback", "--reason", "bad"]}
UNREACHABLE = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


class World:
    """The project, and its states to go back to."""

    def __init__(self, folder: Path) -> None:
        self.project, self.states = folder / "project", folder / "states"
        self.target = Target(self.project / ".slipway" / "target")
        self._server: Running | None = None
        self._serving = ExitStack()

    def __enter__(self) -> World:
        settings = repository(with_store(diabetes(self.project)))
        self.succeed("run")
        self.keep("first")
        self.succeed("ship")
        edit(settings, "[train]", "[train.parameters]\nalpha = 0.9\n[train]")
        commit(settings, "v1.1.0")
        self.succeed("run")
        self.keep("second")
        self.succeed("ship")
        self.keep("rollback")
        return self

    def __exit__(self, *_: object) -> None:
        self._serving.close()

    def succeed(self, *arguments: str, kill: Kill | None = None, **environment: str) -> Ended:
        """Run a command that must end well."""
        ended = slipway(self.project, *arguments, kill=kill, **environment)
        assert ended.returncode == 0, ended.stderr
        return ended

    def told(self, *arguments: str) -> Any:
        """What a command answers as JSON."""
        return self.succeed(*arguments, "--json").told

    def keep(self, state: str) -> None:
        shutil.copytree(self.project, self.states / state, symlinks=True)

    def begin(self, state: str) -> None:
        """Go back to a state. A server that runs goes back with it, but to a target without champion it cannot."""
        if state == "first":
            self.stop_server()
        kept, state_folder = self.states / state / ".slipway", self.project / ".slipway"
        _replace_within(self.project, self.states / state, but=".slipway")
        state_folder.mkdir(exist_ok=True)
        if not kept.exists():
            shutil.rmtree(state_folder)
            return
        _replace_within(state_folder, kept, but="target")
        self._begin_target(kept / "target")

    def _begin_target(self, kept: Path) -> None:
        releases = {path.name: path for path in (kept / "releases").iterdir()}
        for name, folder in releases.items():
            if not _is_whole(self.target.release_path(name)):
                shutil.rmtree(self.target.release_path(name), ignore_errors=True)
                shutil.copytree(folder, self.target.release_path(name))
        if self.target.current.is_dir() and not self.target.current.is_symlink():
            shutil.rmtree(self.target.current)
        self.target.flip((kept / "current").readlink().name)
        shutil.copy2(kept / "journal.jsonl", self.target.journal)
        for name in {path.name for path in (self.target.path / "releases").iterdir()} - releases.keys():
            shutil.rmtree(self.target.release_path(name))

    def stop_server(self) -> None:
        """Let nothing follow the target."""
        self._serving.close()
        self._server = None

    def served(self) -> str | None:
        """The digest with which real time answers, once the server has followed; starts one if none runs."""
        champion = self.target.champion()
        if champion is None:
            return None
        if self._server is None:
            self._server = self._serving.enter_context(running(target=self.target.path))
        assert wait_for_workers(self.target.path, champion.digest, 60) == []
        (digest,) = {self._server.ask("GET", "/version").json["digest"] for _ in range(3)}
        return str(digest)

    def batched(self, out: Path) -> str | None:
        """The digest with which batch answers."""
        scored = slipway(self.project, "batch", "diabetes.csv", str(out / "scores.parquet"), "--json")
        if scored.returncode == 16:
            return None
        assert scored.returncode == 0, scored.stderr
        digest: str = scored.told["digest"]
        return digest

    def outcomes(self, state: str) -> list[str | None]:
        """How the commands ended that came after a state."""
        kept = Target(self.states / state / ".slipway" / "target")
        settled = [row for row in history(kept.entries()) if row["outcome"]]
        return [row["outcome"] for row in history(self.target.entries())][len(settled) :]

    def leftovers(self) -> list[str]:
        """What no finished command leaves, by name."""
        half_made = [path.name for path in (self.project / ".slipway").rglob(".*")]
        proved = {entry.folder for entry in self.target.past_champions()}
        return half_made + [name for name in self.target.releases() if name not in proved]

    def registrations(self) -> dict[str, tuple[int, int]]:
        """For each bundle's digest, how many model versions and how many finished runs the registry holds."""
        versions = "SELECT value, count(*) FROM model_version_tags WHERE key = 'bundle_digest' GROUP BY value"
        runs = (
            "SELECT value, count(*) FROM tags JOIN runs USING (run_uuid) "
            "WHERE key = 'slipway.bundle_digest' GROUP BY value HAVING min(status) = 'FINISHED'"
        )
        with sqlite3.connect(self.project / "mlflow.db") as store:
            held, logged = dict(store.execute(versions).fetchall()), dict(store.execute(runs).fetchall())
        return {digest: (held.get(digest, 0), logged.get(digest, 0)) for digest in {*held, *logged}}


def _is_whole(folder: Path) -> bool:
    try:
        verify(folder)
    except SlipwayError:
        return False
    return True


def _replace(place: Path, source: Path) -> None:
    """Make a file or folder what another is; what stands in the way goes."""
    if place.is_dir():
        shutil.rmtree(place)
    if source.is_dir():
        shutil.copytree(source, place, symlinks=True)
    else:
        shutil.copy2(source, place)


def _replace_within(folder: Path, source: Path, but: str) -> None:
    for gone in {path.name for path in folder.iterdir()} - {path.name for path in source.iterdir()} - {but}:
        shutil.rmtree(folder / gone) if (folder / gone).is_dir() else (folder / gone).unlink()
    for path in source.iterdir():
        if path.name != but:
            _replace(folder / path.name, path)
