"""Whether a champion may have been trained on the rows that are to judge it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def seen_in_training(candidate: Mapping[str, Any], champion: Mapping[str, Any]) -> str:
    """Why the champion may have been trained on the candidate's holdout, going by both splits; empty if it was not.

    By time, the champion's training must end before the holdout begins. By hash, a row's side depends on its key
    alone, so the same key and a share held back that is no smaller keep every row of this holdout out of training.
    """
    if candidate.get("by") != champion.get("by") or candidate.get("by") not in ("time", "hash"):
        return (
            f"it was split by {champion.get('by', 'nothing known')} and this by {candidate.get('by', 'nothing known')}"
        )
    try:
        return _seen_by_time(candidate, champion) if candidate["by"] == "time" else _seen_by_hash(candidate, champion)
    except (KeyError, TypeError, ValueError) as error:
        return f"the splits cannot be compared ({error!r})"


def _seen_by_time(candidate: Mapping[str, Any], champion: Mapping[str, Any]) -> str:
    until, start = champion["train_until"], candidate["holdout_from"]
    return f"it was trained on rows until {until}, and the holdout begins {start}" if _at(until) >= _at(start) else ""


def _seen_by_hash(candidate: Mapping[str, Any], champion: Mapping[str, Any]) -> str:
    if list(candidate["key"]) != list(champion["key"]):
        return f"its rows were split by the key {champion['key']} and these by {candidate['key']}"
    held, wanted = float(champion["share"]), float(candidate["share"])
    return f"it held back {held:g} of the rows and the holdout is {wanted:g} of them" if held < wanted else ""


def _at(moment: str) -> datetime:
    time = datetime.fromisoformat(moment)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
