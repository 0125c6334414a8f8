"""Summarize each release in one line, for `slipway history` on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Literal

import msgspec

from slipway.commands.history.moves import Move, main_scores, moves, primary_metric
from slipway.commands.history.refusals import Refusal, insert_refusals
from slipway.target import journal
from slipway.target.journal import Entry
from slipway.target.target import Target

Status = Literal["live", "replaced", "rolled back", "failed", "interrupted", "in progress", "refused"]


class ReleaseSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One release in one line: when it last served, how that ended, and who decided it and why.

    ``since`` is the time of the attempt if the release never served. ``until`` is null for a live release and for one
    that never served.
    """

    release: str
    digest: str | None
    since: str
    until: str | None
    status: Status
    metric: str | None
    score: float | None
    who: str
    reason: str


def release_summaries(
    target: Target, bundle_folders: Sequence[Path] = (), refusals: Sequence[Refusal] = ()
) -> list[ReleaseSummary]:
    """Return one summary per release, the newest first; a refused release only if it was refused in this checkout.

    Raises:
        RolloutError: a line of the journal is malformed.
    """
    entries = target.entries()
    scores = main_scores(target, entries, bundle_folders)
    found = {summary.digest: summary for summary in _served_and_failed(entries, scores)}
    places = {move.entry.digest: number for number, move in enumerate(moves(entries))}
    in_order = sorted(found.values(), key=lambda summary: places.get(summary.digest, -1))
    known = {summary.release for summary in found.values()}
    # A ship that is repeated unchanged is refused again; the last refusal is the one that counts.
    refused = {refusal.release: refusal for refusal in refusals if refusal.release not in known}
    refused_summaries = list(map(_refused_summary, refused.values()))
    return insert_refusals(in_order, refused_summaries, lambda summary: summary.since)[::-1]


def _served_and_failed(entries: Sequence[Entry], scores: Mapping[str, tuple[str, float]]) -> Iterator[ReleaseSummary]:
    """Yield a summary for each release that a rollout named; the last time that it served, yields last and counts."""
    all_moves = list(moves(entries))
    proved = [move for move in all_moves if move.entry.outcome == "proved"]
    rolled_back = journal.rolled_back(entries)
    ever_proved = {move.entry.digest for move in proved}
    for move in all_moves:
        if move.entry.digest not in ever_proved and move.entry.to:
            yield _summary(move.entry, scores, move.began, None, _UNPROVED.get(move.entry.outcome, "failed"))
    for move, following in zip_longest(proved, proved[1:]):
        decisive, status = move.entry, _end_status(move, following, rolled_back)
        if status == "rolled back" and following:
            decisive = msgspec.structs.replace(decisive, who=following.entry.who, reason=following.entry.reason)
        if move.entry.to and move.ended:
            yield _summary(decisive, scores, move.ended, following.ended if following else None, status)


_UNPROVED: Mapping[str, Status] = {"": "in progress", "interrupted": "interrupted"}


def _end_status(move: Move, following: Move | None, rolled_back: set[str]) -> Status:
    if following is None:
        return "live"
    return "rolled back" if move.entry.folder in rolled_back else "replaced"


def _summary(
    entry: Entry,
    scores: Mapping[str, tuple[str, float]],
    since: datetime,
    until: datetime | None,
    status: Status,
) -> ReleaseSummary:
    metric, score = scores.get(entry.digest or "", (None, None))
    return ReleaseSummary(
        release=entry.to or "",
        digest=entry.digest,
        since=since.isoformat(),
        until=until.isoformat() if until else None,
        status=status,
        metric=metric,
        score=score,
        who=entry.who,
        reason=entry.reason,
    )


def _refused_summary(refusal: Refusal) -> ReleaseSummary:
    metric, score = primary_metric(refusal.scores) or (None, None)
    return ReleaseSummary(
        release=refusal.release,
        digest=None,
        since=refusal.at,
        until=None,
        status="refused",
        metric=metric,
        score=score,
        who=refusal.who,
        reason=refusal.reason,
    )
