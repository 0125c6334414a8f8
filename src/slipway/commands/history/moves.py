"""Read what the journal and the release.json files say about each rollout and rollback."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from slipway.bundle.release_file import RELEASE_FILE, Release, decode_release
from slipway.contract.metrics import BINARY, REGRESSION
from slipway.errors import SlipwayError
from slipway.target.journal import Entry
from slipway.target.target import Target

_PRIMARY = (BINARY[0], REGRESSION[0])


class Move(msgspec.Struct, frozen=True):
    """A rollout or rollback from its intent to its outcome; ``ended`` is null while there is none."""

    began: datetime
    ended: datetime | None
    entry: Entry


def moves(entries: Sequence[Entry]) -> Iterator[Move]:
    """Yield each rollout and rollback of a journal, in the order in which they began."""
    first: dict[str, Entry] = {}
    last: dict[str, Entry] = {}
    for entry in entries:
        first.setdefault(entry.id, entry)
        last[entry.id] = entry
    for id_, entry in last.items():
        if entry.action != "resume":
            yield Move(
                datetime.fromisoformat(first[id_].at),
                datetime.fromisoformat(entry.at) if entry.outcome else None,
                entry,
            )


def primary_metric(scores: Mapping[str, float]) -> tuple[str, float] | None:
    """Return name and value of the metric that the gate compares releases by, on the release's own holdout."""
    return next(((name, scores[name]) for name in _PRIMARY if name in scores), None)


def find_release(target: Target, entry: Entry, bundle_folders: Sequence[Path] = ()) -> Release | None:
    """Return the release.json of a release: from its folder, its sealed bundle or the record that `prune` kept.

    Only a file with exactly the digest in the journal is used.
    """
    folder = entry.folder or ""
    places = [target.release_path(folder) / RELEASE_FILE, *(place / folder / RELEASE_FILE for place in bundle_folders)]
    for path in (*places, target.record_path(folder)):
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() == entry.digest:
                return decode_release(content, str(path))
        except (OSError, SlipwayError):
            continue
    return None


def main_scores(
    target: Target, entries: Sequence[Entry], bundle_folders: Sequence[Path]
) -> dict[str, tuple[str, float]]:
    """Return the main holdout metric of each release in the journal, by its digest."""
    found = {}
    for digest, entry in {entry.digest: entry for entry in entries if entry.digest}.items():
        release = find_release(target, entry, bundle_folders)
        if release and (score := primary_metric(release.scores)):
            found[digest] = score
    return found
