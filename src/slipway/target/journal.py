"""Read and append a target's journal: an intent before each switch, and its outcome after verification.

An intent without an outcome means that the command was killed; the next command rolls it back (``settle``).
"""

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
"""Fields that rows of the history leave out, because they mean something only inside the target."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the journal. An intent has no outcome; the line with its outcome has the same ``id``."""

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
    """Read every entry, oldest first.

    Raises:
        RolloutError: a line is malformed.
    """
    return [_decode_entry(path, number, line) for number, line in enumerate(atomic.whole_lines(path), 1)]


def malformed_line(path: Path) -> int | None:
    """The number of the first malformed line; None if every line is well-formed."""
    for number, line in enumerate(atomic.whole_lines(path), 1):
        try:
            _decode_entry(path, number, line)
        except RolloutError:
            return number
    return None


def append(path: Path, entry: Entry) -> Entry:
    """Append an entry, flushed to disk, and return it.

    Raises:
        StorageError: the entry cannot be written; the journal is unchanged.
    """
    atomic.append_line(path, msgspec.json.encode(entry))
    return entry


def open_intents(entries: Sequence[Entry]) -> list[Entry]:
    """The intents without an outcome."""
    ended = {entry.id for entry in entries if entry.outcome}
    return [entry for entry in entries if entry.id not in ended]


def champion_entries(entries: Sequence[Entry]) -> list[Entry]:
    """The entries that made a release champion, oldest first."""
    return [entry for entry in {entry.id: entry for entry in entries}.values() if entry.outcome == "proved"]


def rolled_back(entries: Sequence[Entry]) -> set[str]:
    """The folder names of releases that were rolled back and that no later rollback made champion again."""
    found: set[str] = set()
    for entry in champion_entries(entries):
        if entry.action == "rollback":
            found |= {entry.from_folder} if entry.from_folder else set()
            found.discard(entry.folder or "")
    return found


def active_hold(entries: Sequence[Entry]) -> Entry | None:
    """The newest rollback after the last resume, which holds automatic rollouts; None if there is no hold."""
    last: Entry | None = None
    for entry in entries:
        if entry.action == "resume":
            last = None
        elif entry.action == "rollback" and entry.outcome == "proved":
            last = entry
    return last


def current_actor() -> str:
    """The person or workflow that runs this command, for the journal."""
    return os.environ.get("GITHUB_ACTOR") or getpass.getuser()


def history(entries: Sequence[Entry]) -> list[dict[str, str | None]]:
    """One row per command, oldest first: the intent together with its outcome."""
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
