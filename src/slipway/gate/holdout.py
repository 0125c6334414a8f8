"""Rules on the holdout itself: enough rows, no training rows, no dead input and a valid prediction for each row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from slipway.bundle.verdict import Rule
from slipway.gate.evaluation import Evaluation
from slipway.pipeline.candidate import Candidate
from slipway.settings.diagnostics import quote_part
from slipway.tables.data_frame import read_parquet


def holdout_rules(candidate: Candidate, evaluation: Evaluation) -> Iterator[Rule]:
    """Yield the rules on the rows that the model is evaluated on.

    Raises:
        DataError: the training rows cannot be read.
    """
    rows, least = len(evaluation.frame), evaluation.policy.minimum_holdout_rows
    why = f"the holdout has {rows:,} rows; {least:,} are required"
    yield Rule("holdout.rows", least, rows, rows >= least, why)
    valid = int(evaluation.valid_rows.sum())
    kind = "a finite number" if evaluation.contract.task == "regression" else "probabilities that add up to one"
    why = f"the model predicts {kind} for {valid:,} of {rows:,} rows"
    yield Rule("holdout.answers", rows, valid, valid == rows, why)
    yield from _dead_input_rules(evaluation)
    shared = _count_shared_rows(read_parquet(candidate.train), evaluation)
    why = f"{shared:,} of {rows:,} holdout rows are also training rows, equal in every column"
    yield Rule("holdout.shared", 0, shared, shared == 0, why)


def _dead_input_rules(evaluation: Evaluation) -> Iterator[Rule]:
    """Yield one rule for each dead input, so that each can be switched off alone, or one for all inputs if none is dead."""
    rows, names = len(evaluation.frame), [column.name for column in evaluation.contract.inputs]
    dead = [name for name in names if name in evaluation.frame and evaluation.frame[name].isna().all()]
    for name in dead:
        why = f"{name} is null in all {rows:,} rows of the holdout"
        yield Rule(f"holdout.nulls.{quote_part(name)}", rows - 1, rows, False, why)
    if not dead:
        yield Rule(
            "holdout.nulls", 0, 0, True, f"each of {len(names)} inputs has a value in at least one row of the holdout"
        )


def _count_shared_rows(train: pd.DataFrame, evaluation: Evaluation) -> int:
    """Count the holdout rows that are also training rows."""
    columns = [name for name in evaluation.frame.columns if name in train.columns]
    if time := evaluation.policy.time:
        # Only rows with the same timestamp can be equal, and hashing all training rows takes much longer than this filter.
        train = train[train[time].isin(evaluation.frame[time].unique())]
    known = pd.util.hash_pandas_object(train[columns], index=False).to_numpy()
    holdout = pd.util.hash_pandas_object(evaluation.frame[columns], index=False).to_numpy()
    return int(np.isin(holdout, known).sum())


def training_overlap(candidate: Mapping[str, Any], champion: Mapping[str, Any]) -> str:
    """Return why the champion might have been trained on the candidate's holdout, according to both splits; empty if not.

    Split by time: the champion's training must end before the holdout begins. Split by hash: a row's side depends on its key
    alone, so if the champion used the same key and a holdout share at least as large, no row of this holdout was in its
    training.
    """
    if candidate.get("by") != champion.get("by") or candidate.get("by") not in ("time", "hash"):
        return (
            f"its data was split by {champion.get('by', 'an unknown method')}, "
            f"the candidate's by {candidate.get('by', 'an unknown method')}"
        )
    try:
        return (
            _overlap_by_time(candidate, champion)
            if candidate["by"] == "time"
            else _overlap_by_hash(candidate, champion)
        )
    except (KeyError, TypeError, ValueError) as error:
        return f"the splits cannot be compared ({error!r})"


def _overlap_by_time(candidate: Mapping[str, Any], champion: Mapping[str, Any]) -> str:
    until, start = champion["train_until"], candidate["holdout_from"]
    return (
        f"it was trained on rows up to {until}, and the holdout begins at {start}"
        if _parse_time(until) >= _parse_time(start)
        else ""
    )


def _overlap_by_hash(candidate: Mapping[str, Any], champion: Mapping[str, Any]) -> str:
    if list(candidate["key"]) != list(champion["key"]):
        return f"its rows were split by the key {champion['key']}, the candidate's by {candidate['key']}"
    held, wanted = float(champion["share"]), float(candidate["share"])
    return f"its holdout share was {held:g}, the candidate's is {wanted:g}" if held < wanted else ""


def _parse_time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
