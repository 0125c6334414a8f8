"""Whether the holdout can judge at all: enough rows that no training saw, no dead input, an answer to each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from slipway.bundle.verdict import Rule
from slipway.gate.evaluation import Evaluation
from slipway.gate.policy import quote_part
from slipway.pipeline.candidate import Candidate
from slipway.tables.data_frame import read_parquet


def holdout_rules(candidate: Candidate, evaluation: Evaluation) -> Iterator[Rule]:
    """The rules on the rows that judge the model.

    Raises:
        DataError: the training rows cannot be read.
    """
    rows, least, answered = (
        len(evaluation.frame),
        evaluation.policy.minimum_holdout_rows,
        int(evaluation.valid_rows.sum()),
    )
    why = f"the holdout has {rows:,} rows and {least:,} are required"
    yield Rule("holdout.rows", least, rows, rows >= least, why)
    kind = "a finite number" if evaluation.contract.task == "regression" else "probabilities that add up to one"
    why = f"{answered:,} of {rows:,} rows are answered with {kind}"
    yield Rule("holdout.answers", rows, answered, answered == rows, why)
    yield from _dead_input_rules(evaluation)
    shared = _count_shared_rows(read_parquet(candidate.train), evaluation)
    why = f"{shared:,} of {rows:,} holdout rows are among the training rows, equal in every column"
    yield Rule("holdout.shared", 0, shared, shared == 0, why)


def _dead_input_rules(evaluation: Evaluation) -> Iterator[Rule]:
    """A rule for each dead input, so that one can be switched off alone; one for all where none is."""
    rows, names = len(evaluation.frame), [column.name for column in evaluation.contract.inputs]
    dead = [name for name in names if name in evaluation.frame and evaluation.frame[name].isna().all()]
    for name in dead:
        why = f"{name} is null in all {rows:,} rows of the holdout"
        yield Rule(f"holdout.nulls.{quote_part(name)}", rows - 1, rows, False, why)
    if not dead:
        yield Rule("holdout.nulls", 0, 0, True, f"each of {len(names)} inputs has a value in some row of the holdout")


def _count_shared_rows(train: pd.DataFrame, evaluation: Evaluation) -> int:
    """How many holdout rows are in training; where rows have a moment, only those of the same one can be equal."""
    columns = [name for name in evaluation.frame.columns if name in train.columns]
    if time := evaluation.policy.time:
        train = train[train[time].isin(evaluation.frame[time].unique())]
    known = pd.util.hash_pandas_object(train[columns], index=False).to_numpy()
    asked = pd.util.hash_pandas_object(evaluation.frame[columns], index=False).to_numpy()
    return int(np.isin(asked, known).sum())


def training_overlap(candidate: Mapping[str, Any], champion: Mapping[str, Any]) -> str:
    """Why the champion may have been trained on the candidate's holdout, going by both splits; empty if it was not.

    By time, the champion's training must end before the holdout begins. By hash, a row's side depends on its key
    alone, so the same key and a share held back that is no smaller keep every row of this holdout out of training.
    """
    if candidate.get("by") != champion.get("by") or candidate.get("by") not in ("time", "hash"):
        return (
            f"it was split by {champion.get('by', 'nothing known')} and this by {candidate.get('by', 'nothing known')}"
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
        f"it was trained on rows until {until}, and the holdout begins {start}"
        if _parse_time(until) >= _parse_time(start)
        else ""
    )


def _overlap_by_hash(candidate: Mapping[str, Any], champion: Mapping[str, Any]) -> str:
    if list(candidate["key"]) != list(champion["key"]):
        return f"its rows were split by the key {champion['key']} and these by {candidate['key']}"
    held, wanted = float(champion["share"]), float(candidate["share"])
    return f"it held back {held:g} of the rows and the holdout is {wanted:g} of them" if held < wanted else ""


def _parse_time(moment: str) -> datetime:
    time = datetime.fromisoformat(moment)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
