"""Whether the holdout can judge at all: enough rows that training never saw, no dead input, an answer to each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from slipway.bundle.verdict import Rule
from slipway.gate.evaluation import Case
from slipway.gate.policy import part
from slipway.pipeline.candidate import Candidate
from slipway.tables.data_frame import read_parquet


def holdout_rules(candidate: Candidate, case: Case) -> Iterator[Rule]:
    """The rules on the rows that judge the model.

    Raises:
        DataError: the training rows cannot be read.
    """
    rows, least, answered = len(case.frame), case.policy.minimum_holdout_rows, int(case.answered.sum())
    why = f"the holdout has {rows:,} rows and {least:,} are required"
    yield Rule("holdout.rows", least, rows, rows >= least, why)
    kind = "a finite number" if case.contract.task == "regression" else "probabilities that add up to one"
    why = f"{answered:,} of {rows:,} rows are answered with {kind}"
    yield Rule("holdout.answers", rows, answered, answered == rows, why)
    yield from _nulls(case)
    shared = _shared(read_parquet(candidate.train), case)
    why = f"{shared:,} of {rows:,} holdout rows are among the training rows, equal in every column"
    yield Rule("holdout.shared", 0, shared, shared == 0, why)


def _nulls(case: Case) -> Iterator[Rule]:
    """A rule for each dead input, so that one can be switched off alone; one for all where none is."""
    rows, names = len(case.frame), [column.name for column in case.contract.inputs]
    dead = [name for name in names if name in case.frame and case.frame[name].isna().all()]
    for name in dead:
        why = f"{name} is null in all {rows:,} rows of the holdout"
        yield Rule(f"holdout.nulls.{part(name)}", rows - 1, rows, False, why)
    if not dead:
        yield Rule("holdout.nulls", 0, 0, True, f"each of {len(names)} inputs has a value in some row of the holdout")


def _shared(train: pd.DataFrame, case: Case) -> int:
    """How many holdout rows are in training; where rows have a moment, only those of the same one can be equal."""
    columns = [name for name in case.frame.columns if name in train.columns]
    if time := case.policy.time:
        train = train[train[time].isin(case.frame[time].unique())]
    known = pd.util.hash_pandas_object(train[columns], index=False).to_numpy()
    asked = pd.util.hash_pandas_object(case.frame[columns], index=False).to_numpy()
    return int(np.isin(asked, known).sum())
