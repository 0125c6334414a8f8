"""What is written to a target is whole or absent, and what it says of itself is read from there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from slipway.errors import BundleError, BusyError, NotFoundError, RolloutError, StorageError
from slipway.storage import atomic
from slipway.target import journal
from slipway.target.journal import Entry
from slipway.target.target import Target
from tests.support.bundles import flip, make_bundle

FULL = """
import resource, signal, sys
from pathlib import Path
from slipway.storage import atomic
from slipway.errors import StorageError
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


def test_a_full_disk_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    assert "nothing half-written is left" in out_of_space("write_file", tmp_path / "a")
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
    with pytest.raises(StorageError, match="nothing half-written"):
        atomic.swap_link(tmp_path / "file" / "current", "a")


def entry(**changes: str | None) -> Entry:
    names = {"id": "1", "at": "t", "who": "w", "action": "rollout", "from": None, "to": "1.0.0", "digest": "d"}
    fields = names | {"folder": "1.0.0-d", "from_folder": None, "reason": "r", "outcome": ""} | changes
    return msgspec.convert(fields, Entry)


def test_an_intent_and_its_outcome_are_one_row_of_history(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for written in (entry(), entry(outcome="proved"), entry(id="2", to="1.1.0")):
        journal.append(path, written)
    assert b'"from":null' in path.read_bytes()
    rows = journal.history(journal.read(path))
    assert [(row["to"], row["outcome"]) for row in rows] == [("1.0.0", "proved"), ("1.1.0", "")]
    assert list(rows[0]) == ["at", "who", "action", "from", "to", "digest", "reason", "outcome"]
    assert [left.id for left in journal.unfinished(journal.read(path))] == ["2"]


def test_a_malformed_journal_is_refused_by_line(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_bytes(b"{}\n")
    with pytest.raises(RolloutError, match=r"line 1 of .*journal\.jsonl is malformed"):
        Target(tmp_path).entries()


def test_a_rollback_marks_the_release_it_left_until_someone_chooses_that_again(tmp_path: Path) -> None:
    target = Target(tmp_path)
    back = entry(action="rollback", outcome="proved", from_folder="2.0.0-e", folder="1.0.0-d")
    journal.append(target.journal, back)
    assert target.bad_releases() == {"2.0.0-e"}
    assert target.held() == back
    again = entry(action="rollback", outcome="proved", from_folder="1.0.0-d", folder="2.0.0-e")
    journal.append(target.journal, again)
    assert target.bad_releases() == {"1.0.0-d"}
    journal.append(target.journal, entry(action="resume", outcome="done"))
    assert target.held() is None


def test_an_empty_target_has_no_champion(tmp_path: Path) -> None:
    target = Target(tmp_path / "none")
    assert target.champion() is None
    assert target.releases() == []
    assert target.entries() == []


def test_the_champion_is_the_verified_bundle_that_current_leads_to(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "releases")
    flip(tmp_path, bundle)
    champion = Target(tmp_path).champion()
    assert champion is not None
    assert (champion.path, champion.release.version) == (bundle, "1.2.3")
    (bundle / "model.onnx").write_bytes(b"changed")
    with pytest.raises(BundleError, match=r"model\.onnx"):
        Target(tmp_path).champion()
    assert Target(tmp_path).champion_sentence() == "the champion is still 1.2.3"


def test_a_current_that_leads_nowhere_is_said(tmp_path: Path) -> None:
    atomic.swap_link(tmp_path / "current", "releases/1.0.0-000000000000")
    with pytest.raises(NotFoundError, match="no bundle at"):
        Target(tmp_path).champion()


def test_a_second_command_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    flip(tmp_path, make_bundle(tmp_path / "releases"))
    with Target(tmp_path).lock("ann"), pytest.raises(BusyError) as caught, Target(tmp_path).lock("bob"):
        pass
    assert f"process {os.getpid()} of ann holds the lock" in str(caught.value)
    assert "the champion is still 1.2.3" in str(caught.value)
    with Target(tmp_path).lock("bob"):
        assert (tmp_path / "lock").read_text() == f"process {os.getpid()} of bob"
