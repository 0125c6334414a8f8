"""List every command in the journal and every refused ship, for `slipway history --json`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slipway.commands.history.moves import main_scores, primary_metric
from slipway.commands.history.refusals import Refusal, insert_refusals
from slipway.target import journal
from slipway.target.target import Target


def history_rows(
    target: Target, bundle_folders: Sequence[Path] = (), refusals: Sequence[Refusal] = ()
) -> list[dict[str, Any]]:
    """Return one row per command, oldest first, with the main holdout metric of the release that it led to.

    A refused ship has the same keys, with the outcome ``refused``.

    Raises:
        RolloutError: a line of the journal is malformed.
    """
    entries = target.entries()
    scores = main_scores(target, entries, bundle_folders)
    rows: list[dict[str, Any]] = []
    for row in journal.history(entries):
        name, value = scores.get(row["digest"] or "", (None, None))
        rows.append(row | {"metric": name, "score": value})
    return insert_refusals(rows, list(map(_refused_row, refusals)), lambda row: str(row["at"]))


def _refused_row(refusal: Refusal) -> dict[str, Any]:
    metric, score = primary_metric(refusal.scores) or (None, None)
    return {
        "at": refusal.at,
        "who": refusal.who,
        "action": "ship",
        "from": refusal.champion,
        "to": refusal.release,
        "digest": None,
        "reason": refusal.reason,
        "outcome": "refused",
        "metric": metric,
        "score": score,
    }
