"""Find the champion at a given time, for `slipway history --at`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from slipway.commands.history.moves import find_release, moves
from slipway.errors import SettingsError
from slipway.target import journal
from slipway.target.journal import Entry
from slipway.target.target import Target


class RolloutInProgress(msgspec.Struct, frozen=True):
    """A rollout or rollback that had begun but not ended: during it, either release may have served predictions."""

    action: str
    to: str | None
    who: str
    since: str
    outcome: str


class ServedRelease(msgspec.Struct, frozen=True, kw_only=True):
    """The champion at a given time; ``data``, ``commit`` and ``scores`` are empty if its release.json is missing."""

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
    """Parse a time as a person writes it; without a zone it is UTC, as in the journal.

    Raises:
        SettingsError: the text is not a time, or the time is in the future.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"'{text}' is not a time; write it as 2026-11-22T10:00, or with a zone as +01:00") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    if at > datetime.now(UTC):
        raise SettingsError(f"{at.isoformat()} is in the future; --at needs a past time")
    return at


def champion_at(target: Target, at: datetime, bundle_folders: Sequence[Path] = ()) -> ServedRelease:
    """Return the champion at a given time: since when and until when, who made it champion and why, and its data.

    A release counts as champion from the time its rollout was recorded as proved. Between the intent and the outcome of a
    rollout, either release may have served predictions. A killed rollout stays in that state until the next
    command rolls it back; ``under_way`` reports it.

    Args:
        bundle_folders: folders with sealed bundles, for releases that are no longer in the target.

    Raises:
        RolloutError: a line of the journal is malformed.
    """
    entries = target.entries()
    all_moves = list(moves(entries))
    proved = [move for move in all_moves if move.entry.outcome == "proved"]
    before = [move for move in proved if move.ended is not None and move.ended <= at]
    after = [move for move in proved if move.ended is not None and move.ended > at]
    hold = journal.active_hold([entry for entry in entries if datetime.fromisoformat(entry.at) <= at])
    served = ServedRelease(
        at=at.isoformat(), until=after[0].entry.at if after else None, held=hold.reason if hold else None
    )
    if way := [move for move in all_moves if move.began <= at and (move.ended is None or at < move.ended)]:
        entry, since = way[-1].entry, way[-1].began.isoformat()
        under_way = RolloutInProgress(entry.action, entry.to, entry.who, since, entry.outcome)
        served = msgspec.structs.replace(served, under_way=under_way)
    return _add_champion(served, before[-1].entry, target, bundle_folders) if before else served


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
