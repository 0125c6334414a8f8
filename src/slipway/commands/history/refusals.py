"""Record the releases that the gate refused in this checkout, so that `slipway history` can list them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from slipway.bundle.verdict import Verdict
from slipway.errors import StorageError
from slipway.settings.settings import STATE, Settings
from slipway.storage import atomic
from slipway.storage.clock import now
from slipway.target.journal import current_actor

REFUSALS_FILE = "refusals.jsonl"
_Row = TypeVar("_Row")


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the file: a refused release, its holdout scores and the rules that it failed."""

    at: str
    who: str
    release: str
    champion: str | None
    scores: Mapping[str, float]
    reason: str


def record_refusal(
    settings: Settings, release: str, verdict: Verdict, scores: Mapping[str, float], champion: str | None
) -> None:
    """Append a refusal to the project's state folder, not to the target's journal: a refusal changes nothing there."""
    failed = "; ".join(rule.why for rule in verdict.rules if rule.judged and not rule.ok)
    refusal = Refusal(at=now(), who=current_actor(), release=release, champion=champion, scores=scores, reason=failed)
    # The refusal itself is what the caller must learn; a full disk must not replace it by another error.
    with suppress(StorageError):
        atomic.append_line(refusals_path(settings), msgspec.json.encode(refusal))


def read_refusals(settings: Settings) -> list[Refusal]:
    """Return every readable refusal, oldest first. No decision depends on them, so a damaged line is left out."""
    found = []
    for line in atomic.whole_lines(refusals_path(settings)):
        with suppress(msgspec.DecodeError):
            found.append(msgspec.json.decode(line, type=Refusal))
    return found


def refusals_path(settings: Settings) -> Path:
    """Return the path of the file; it exists after the first refusal."""
    return settings.root / STATE / REFUSALS_FILE


def insert_refusals(rows: Sequence[_Row], refused: Sequence[_Row], time_of: Callable[[_Row], str]) -> list[_Row]:
    """Insert each refused release after the last row that is not later.

    The other rows keep the order of the journal, not of their times, because a clock can be set back.
    """
    merged = list(rows)
    for refusal in refused:
        at = datetime.fromisoformat(time_of(refusal))
        earlier = [place for place, row in enumerate(merged, 1) if datetime.fromisoformat(time_of(row)) <= at]
        merged.insert(max(earlier, default=0), refusal)
    return merged
