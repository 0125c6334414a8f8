"""What happened to a target, in the order in which it did: an intent before each flip, its outcome after the proof."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from slipway.errors import RolloutError
from slipway.storage import atomic

JOURNAL_FILE = "journal.jsonl"
Action = Literal["rollout", "rollback", "resume"]
Outcome = Literal["", "proved", "failed", "interrupted", "done"]
_INTERNAL_FIELDS = ("id", "folder", "from_folder")
"""What a row of the history leaves out: it means something inside the target only."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line. An intent has no outcome yet; the line that brings it has the same ``id``."""

    id: str
    at: str
    who: str
    action: Action
    from_: str | None = msgspec.field(name="from")
    to: str | None
    digest: str | None
    folder: str | None
    from_folder: str | None
    reason: str
    outcome: Outcome = ""


def read(path: Path) -> list[Entry]:
    """Every entry, oldest first.

    Raises:
        RolloutError: a line is not one that Slipway wrote.
    """
    return [_decode_entry(path, number, line) for number, line in enumerate(atomic.whole_lines(path), 1)]


def malformed_line(path: Path) -> int | None:
    """The number of the first line that is not one that Slipway wrote, if there is one."""
    for number, line in enumerate(atomic.whole_lines(path), 1):
        try:
            _decode_entry(path, number, line)
        except RolloutError:
            return number
    return None


def append(path: Path, entry: Entry) -> Entry:
    """Write an entry to the disk and return it.

    Raises:
        StorageError: it cannot be written; the journal is as it was.
    """
    atomic.append_line(path, msgspec.json.encode(entry))
    return entry


def open_intents(entries: Sequence[Entry]) -> list[Entry]:
    """The intents that have no outcome."""
    ended = {entry.id for entry in entries if entry.outcome}
    return [entry for entry in entries if entry.id not in ended]


def champion_entries(entries: Sequence[Entry]) -> list[Entry]:
    """The entries that made a release champion, oldest first."""
    return [entry for entry in {entry.id: entry for entry in entries}.values() if entry.outcome == "proved"]


def rolled_back(entries: Sequence[Entry]) -> set[str]:
    """The folder names that a rollback left behind and none chose again."""
    found: set[str] = set()
    for entry in champion_entries(entries):
        if entry.action == "rollback":
            found |= {entry.from_folder} if entry.from_folder else set()
            found.discard(entry.folder or "")
    return found


def active_hold(entries: Sequence[Entry]) -> Entry | None:
    """The last rollback since the last resume, which holds automatic rollouts."""
    last: Entry | None = None
    for entry in entries:
        if entry.action == "resume":
            last = None
        elif entry.action == "rollback" and entry.outcome == "proved":
            last = entry
    return last


def current_actor() -> str:
    """The person or workflow behind this command, for the journal."""
    return os.environ.get("GITHUB_ACTOR") or getpass.getuser()


def history(entries: Sequence[Entry]) -> list[dict[str, str | None]]:
    """One row per command, oldest first: an intent together with its outcome."""
    rows: dict[str, dict[str, str | None]] = {}
    for entry in entries:
        row = {name: value for name, value in msgspec.to_builtins(entry).items() if name not in _INTERNAL_FIELDS}
        rows.setdefault(entry.id, row)["outcome"] = entry.outcome
    return list(rows.values())


def _decode_entry(path: Path, number: int, line: bytes) -> Entry:
    try:
        return msgspec.json.decode(line, type=Entry)
    except msgspec.DecodeError as error:
        raise RolloutError(f"line {number} of {path} is malformed: {error}; nothing was changed") from None
