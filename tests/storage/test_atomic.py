"""Whatever is written to last is there whole or not at all, also when the disk is full."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.errors import StorageError
from slipway.storage import atomic
from tests.support.bundles import make_bundle

FULL = """
import resource, signal, sys
from pathlib import Path
from slipway.errors import StorageError
from slipway.storage import atomic
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
write, path, rest = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
arguments = {"write_file": [path, b"x" * 9000], "append_line": [path, b"x" * 9000]}
try:
    getattr(atomic, write)(*arguments.get(write, [Path(rest[0]) if rest else None, path]))
except StorageError as error:
    sys.exit(str(error))
"""


def out_of_space(write: str, path: Path, *rest: Path) -> str:
    """Call a durable write in a process that may not write more than 4000 bytes to a file."""
    command = [sys.executable, "-c", FULL, write, str(path), *map(str, rest)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    return ended.stderr


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    atomic.write_file(tmp_path / "a", b"one")
    atomic.write_file(tmp_path / "a", b"two")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"two")]


def test_a_file_that_need_not_outlast_the_machine_is_replaced_whole_without_waiting_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []
    monkeypatch.setattr(os, "fsync", waits.append)
    atomic.write_file(tmp_path / "a", b"one", durable=False)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"one")]
    assert waits == []
    atomic.write_file(tmp_path / "a", b"two")
    assert len(waits) == len(["the file", "its folder"])


def test_a_write_that_fails_leaves_neither_a_file_nor_a_folder_beside_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "source").mkdir()
    with pytest.raises(StorageError, match="Is a directory; no partial file is left"):
        atomic.write_file(tmp_path / "a", b"one")
    with pytest.raises(ValueError, match="not this one"):
        atomic.publish_files({"b": b"two"}, tmp_path / "c", check_folder=refuse)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "source"]


def refuse(folder: Path) -> None:
    assert (folder / "b").read_bytes() == b"two"
    raise ValueError("not this one")


def test_what_killed_writes_left_is_swept_but_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / ".link.tmp").symlink_to("kept")
    (tmp_path / ".folder.tmp").mkdir()
    (tmp_path / ".file.tmp").touch()
    assert [path.name for path in atomic.sweep(tmp_path)] == [".file.tmp", ".folder.tmp", ".link.tmp"]
    assert [path.name for path in tmp_path.rglob("*")] == ["kept", "file"]


def test_a_full_disk_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    assert "no partial file is left" in out_of_space("write_file", tmp_path / "a")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"one")]


def test_a_full_disk_leaves_the_lines_that_were_there(tmp_path: Path) -> None:
    atomic.append_line(tmp_path / "lines", b"one")
    assert "cannot be written" in out_of_space("append_line", tmp_path / "lines")
    assert (tmp_path / "lines").read_bytes() == b"one\n"


def test_a_full_disk_leaves_nothing_of_a_copied_folder(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "large").write_bytes(b"x" * 9000)
    assert "cannot be written" in out_of_space("publish_folder", tmp_path / "to" / "copy", tmp_path / "source")
    assert list((tmp_path / "to").iterdir()) == []


def test_a_torn_last_line_is_not_read_and_makes_room_for_the_next(tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    lines.write_bytes(b"one\ntor")
    assert atomic.whole_lines(lines) == [b"one"]
    atomic.append_line(lines, b"two")
    assert lines.read_bytes() == b"one\ntwo\n"


def test_a_link_moves_and_goes(tmp_path: Path) -> None:
    link = tmp_path / "current"
    for destination in ("a", "b"):
        atomic.swap_link(link, destination)
        assert link.readlink() == Path(destination)
    atomic.remove_link(link)
    assert list(tmp_path.iterdir()) == []


def test_a_copied_folder_is_the_same_and_sweeps_what_killed_copies_left(tmp_path: Path) -> None:
    source, releases = make_bundle(tmp_path / "made"), tmp_path / "releases"
    (releases / ".older.tmp" / "notes").mkdir(parents=True)
    atomic.publish_folder(source, releases / "copy")
    assert [path.name for path in releases.iterdir()] == ["copy"]
    assert (releases / "copy" / "notes" / "MLmodel").read_bytes() == (source / "notes" / "MLmodel").read_bytes()


def test_a_folder_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="no partial file is left"):
        atomic.swap_link(tmp_path / "file" / "current", "a")
