"""What served when: the journal, with what each release says of itself beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from slipway.bundle.release_file import RELEASE_FILE, Release, decode_release
from slipway.errors import SettingsError, SlipwayError
from slipway.statistics.metrics import BINARY, REGRESSION
from slipway.target import journal
from slipway.target.journal import Entry
from slipway.target.target import Target

_PRIMARY = (BINARY[0], REGRESSION[0])


class Move(msgspec.Struct, frozen=True):
    """A rollout or rollback from its intent to its outcome; ``ended`` is null while there is none."""

    began: datetime
    ended: datetime | None
    entry: Entry


class RolloutInProgress(msgspec.Struct, frozen=True):
    """A move that had begun and not ended, so that both releases may have answered."""

    action: str
    to: str | None
    who: str
    since: str
    outcome: str


class ServedRelease(msgspec.Struct, frozen=True, kw_only=True):
    """What was champion at a moment; ``data``, ``commit`` and ``scores`` are empty where the release is gone."""

    at: str
    release: str | None = None
    digest: str | None = None
    since: str | None = None
    until: str | None = None
    who: str | None = None
    action: str | None = None
    reason: str | None = None
    replaced: str | None = None
    commit: str | None = None
    data: Mapping[str, str] = {}
    scores: Mapping[str, float] = {}
    held: str | None = None
    under_way: RolloutInProgress | None = None


def parse_time(text: str) -> datetime:
    """A time as a person writes it; without a zone it is taken as UTC, as in the journal.

    Raises:
        SettingsError: it is no time, or in the future.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"'{text}' is no time; write it as 2026-11-22T10:00, or with a zone as +01:00") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    if at > datetime.now(UTC):
        raise SettingsError(f"{at.isoformat()} is in the future, of which the journal knows nothing")
    return at


def champion_at(target: Target, at: datetime, bundle_folders: Sequence[Path] = ()) -> ServedRelease:
    """What was champion at a moment, since when and until when, who made it so, why, on which data, and before it what.

    A rollout counts from its proof on. Between its intent and its outcome either release may have answered, and one
    that was killed is such until a command took it back: ``under_way`` says so.

    Args:
        elsewhere: folders that hold sealed bundles too.

    Raises:
        RolloutError: a line of the journal is malformed.
    """
    entries = target.entries()
    moves = list(_moves(entries))
    proved = [move for move in moves if move.entry.outcome == "proved"]
    before = [move for move in proved if move.ended is not None and move.ended <= at]
    after = [move for move in proved if move.ended is not None and move.ended > at]
    hold = journal.active_hold([entry for entry in entries if datetime.fromisoformat(entry.at) <= at])
    served = ServedRelease(
        at=at.isoformat(), until=after[0].entry.at if after else None, held=hold.reason if hold else None
    )
    if way := [move for move in moves if move.began <= at and (move.ended is None or at < move.ended)]:
        entry, since = way[-1].entry, way[-1].began.isoformat()
        under_way = RolloutInProgress(entry.action, entry.to, entry.who, since, entry.outcome)
        served = msgspec.structs.replace(served, under_way=under_way)
    return _add_champion(served, before[-1].entry, target, bundle_folders) if before else served


def history_rows(target: Target, bundle_folders: Sequence[Path] = ()) -> list[dict[str, Any]]:
    """One row per command, oldest first, with the holdout's first metric of the release that it led to.

    Raises:
        RolloutError: a line of the journal is malformed.
    """
    entries = target.entries()
    folders = {entry.digest: entry for entry in entries if entry.digest}
    releases = {digest: find_release(target, entry, bundle_folders) for digest, entry in folders.items()}
    rows: list[dict[str, Any]] = []
    for row in journal.history(entries):
        release = releases.get(row["digest"] or "")
        name, value = (primary_metric(release.scores) if release else None) or (None, None)
        rows.append(row | {"metric": name, "score": value})
    return rows


def primary_metric(scores: Mapping[str, float]) -> tuple[str, float] | None:
    """The metric by which releases are compared, as the gate found it on the release's own holdout."""
    return next(((name, scores[name]) for name in _PRIMARY if name in scores), None)


def find_release(target: Target, entry: Entry, bundle_folders: Sequence[Path] = ()) -> Release | None:
    """What a release of the journal says of itself, from its folder, its sealed bundle or the record that is kept of it.

    Nothing is believed but the very bytes that the journal names by their digest.
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


def _add_champion(served: ServedRelease, entry: Entry, target: Target, bundle_folders: Sequence[Path]) -> ServedRelease:
    release = find_release(target, entry, bundle_folders)
    return msgspec.structs.replace(
        served,
        release=entry.to,
        digest=entry.digest,
        since=entry.at,
        who=entry.who,
        action=entry.action,
        reason=entry.reason,
        replaced=entry.from_,
        commit=release.commit if release else None,
        data=release.data if release else {},
        scores=release.scores if release else {},
    )


def _moves(entries: Sequence[Entry]) -> Iterator[Move]:
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
