"""A backup is taken under writers and brought back elsewhere: the same champion, history, registry and cache."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.fork_server import slipway
from tests.support.project_states import World


@pytest.fixture
def elsewhere(world: World, tmp_path: Path) -> Path:
    """The project as a fresh clone has it: no store, no target."""
    world.begin("rollback")
    state = shutil.ignore_patterns(".slipway", "mlflow.db*", "mlartifacts", "__pycache__")
    return Path(shutil.copytree(world.project, tmp_path / "elsewhere", ignore=state))


def test_all_that_was_backed_up_while_others_wrote_is_there_again_elsewhere(
    world: World, elsewhere: Path, tmp_path: Path
) -> None:
    with writing(world.project / "mlflow.db"):
        told = world.told("backup", str(tmp_path / "backup.tar.gz"))
    assert told["champion"].startswith("1.1.0-")
    ended = slipway(elsewhere, "restore", str(tmp_path / "backup.tar.gz"))
    assert ended.returncode == 0, ended.stderr
    assert "1.1.0 is live" in ended.stdout
    with closing(sqlite3.connect(elsewhere / "mlflow.db")) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert not store.execute("SELECT 1 FROM runs WHERE artifact_uri LIKE ?", (f"%{world.project}/%",)).fetchall()
    assert in_(world, elsewhere, "history") == in_(world, world.project, "history")
    assert in_(world, elsewhere, "doctor") == "[]\n"
    run = slipway(elsewhere, "run")
    assert run.stderr.count("(cached)") == 5, run.stderr  # the path of ingest's function is another one
    back = slipway(elsewhere, "rollback", "--reason", "tried")
    assert (back.returncode, "1.0.0 is live again" in back.stdout) == (0, True), back.stderr


def in_(world: World, project: Path, command: str) -> str:
    ended = slipway(project, command, "--json")
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


class writing:
    """Rows are committed to a store, one after another, from before the block begins until it has ended."""

    def __init__(self, database: Path) -> None:
        self._database, self._began, self._stop = database, threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._write)
        self._written = 0

    def __enter__(self) -> None:
        self._thread.start()
        assert self._began.wait(30)
        self._before = self._written

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        assert self._written > self._before

    def _write(self) -> None:
        with closing(sqlite3.connect(self._database, timeout=30)) as store:
            while not self._stop.wait(0.002):
                name = f"written {self._written}"
                with store:
                    store.execute("INSERT INTO registered_models (name, creation_time) VALUES (?, 1)", (name,))
                    store.execute("INSERT INTO registered_model_tags (name, key, value) VALUES (?, 'a', 'b')", (name,))
                self._written += 1
                self._began.set()


def test_nothing_is_overwritten_and_no_changed_byte_is_brought_back(
    world: World, elsewhere: Path, tmp_path: Path
) -> None:
    file = tmp_path / "backup.tar"
    missing = slipway(elsewhere, "restore", str(file))
    assert (missing.returncode, f"{file}: no such file; nothing was changed" in missing.stderr) == (16, True)
    world.told("backup", str(file))
    again = slipway(world.project, "backup", str(file))
    assert (again.returncode, "exists already" in again.stderr) == (14, True)
    here = slipway(world.project, "restore", str(file))
    assert (here.returncode, "would be overwritten; move that away first" in here.stderr) == (14, True)
    content = file.read_bytes()
    place = content.index(b"journal.jsonl") + 700
    file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    changed = slipway(elsewhere, "restore", str(file))
    assert (changed.returncode, "differs from what was backed up" in changed.stderr) == (10, True), changed.stderr
    assert not (elsewhere / "mlflow.db").exists() and not (elsewhere / ".slipway/target/current").exists()
    file.write_bytes(content[: len(content) // 2])
    cut = slipway(elsewhere, "restore", str(file))
    assert cut.returncode == 10, cut.stderr
    assert slipway(elsewhere, "restore", str(tmp_path / "none")).returncode == 16
    assert slipway(elsewhere, "backup", str(tmp_path / "empty.tar")).returncode == 16
    assert not (tmp_path / "empty.tar").exists()
