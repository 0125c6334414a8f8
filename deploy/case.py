"""What the gate judges: the holdout with the candidate's own answers to it."""

from __future__ import annotations

import difflib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from deploy.candidate import predictions_of
from deploy.policy import GatePolicy
from pipeline.candidate import Candidate
from pipeline.component.blocks import blocks_of
from pipeline.component.contract import Contract
from pipeline.component.frame import read_parquet
from pipeline.component.metrics import metrics_for, score
from pipeline.errors import DataError, SettingsError

Array = npt.NDArray[Any]


class Case(NamedTuple):
    """The holdout with the candidate's answers to it."""

    policy: GatePolicy
    contract: Contract
    frame: pd.DataFrame
    truth: Array
    blocks: Array
    predictions: Array
    scores: dict[str, float]

    @property
    def primary(self) -> str:
        """The metric by which releases are compared."""
        return metrics_for(self.contract)[0]


def case_of(candidate: Candidate, contract: Contract, policy: GatePolicy) -> Case:
    """Read the holdout, ask the candidate's own model file and score its answers.

    Raises:
        SettingsError: the holdout lacks a column that the policy names.
        DataError: the holdout cannot be read, has no rows, or rows without a target.
        BundleError: the model cannot be loaded.
    """
    frame = read_parquet(candidate.holdout).reset_index(drop=True)
    for name in filter(None, (policy.target, policy.time, *policy.slices)):
        if name not in frame.columns:
            close = difflib.get_close_matches(name, list(map(str, frame.columns)), 1)
            meant = f"; did you mean '{close[0]}'?" if close else ""
            raise SettingsError(f"the holdout has no column '{name}', which the gate needs{meant}")
    if not len(frame) or frame[policy.target].isna().any():
        raise DataError(f"the holdout has no rows, or rows without a '{policy.target}', so the gate cannot score it")
    target = frame[policy.target]
    truth = target.to_numpy(np.float64) if contract.task == "regression" else target.astype(str).to_numpy(object)
    blocks = blocks_of(frame[policy.time] if policy.time else None, policy.block, len(frame))
    predictions = predictions_of(candidate, contract, frame)
    scores = score(contract, truth, predictions) if np.isfinite(predictions).all() else {}
    return Case(policy, contract, frame, truth, blocks, predictions, scores)


def shown(value: Any) -> str:
    """A slice's value as it stands in the name of a rule."""
    if pd.isna(value):
        return "null"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
