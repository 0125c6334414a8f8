"""What the gate judges: the holdout with the candidate's own answers to it, whole and slice by slice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from slipway.bundle.verdict import Rule
from slipway.contract.schema import Contract
from slipway.errors import DataError, SettingsError
from slipway.gate.candidate import predictions_of
from slipway.gate.policy import GatePolicy, part
from slipway.pipeline.candidate import Candidate
from slipway.reporting.suggestions import did_you_mean
from slipway.statistics.metrics import metrics_for, score
from slipway.statistics.time_blocks import blocks_of
from slipway.tables.data_frame import read_parquet

Array = npt.NDArray[Any]
_NAMED = 5
_ONE = 1e-5
"""How far from one the probabilities of a row may add up to: some estimators answer in float32."""


class Case(NamedTuple):
    """The holdout with the candidate's answers to it; ``answered`` is false where an answer is none."""

    policy: GatePolicy
    contract: Contract
    frame: pd.DataFrame
    truth: Array
    blocks: Array
    predictions: Array
    answered: Array

    @property
    def primary(self) -> str:
        """The metric by which releases are compared."""
        return metrics_for(self.contract)[0]

    def scores(self, names: Sequence[str], rows: Array | slice = slice(None)) -> dict[str, float]:
        """The candidate's metrics on some rows, NaN where one of its answers is none."""
        if not self.answered[rows].all():
            return dict.fromkeys(names, float("nan"))
        return score(self.contract, self.truth[rows], self.predictions[rows], names=names)


class Slice(NamedTuple):
    """The rows of one value of a column, as a mask; ``name`` is as it stands in the name of a rule."""

    name: str
    rows: Array


def case_of(candidate: Candidate, contract: Contract, policy: GatePolicy) -> Case:
    """Read the holdout and ask the candidate's own model file.

    Raises:
        SettingsError: the holdout lacks a column that the policy names.
        DataError: the holdout cannot be read, has no rows, or rows without a target.
        BundleError: the model cannot be loaded.
    """
    frame = read_parquet(candidate.holdout).reset_index(drop=True)
    _check_columns(frame, policy)
    target = frame[policy.target]
    if not len(frame) or target.isna().any():
        raise DataError(f"the holdout has no rows, or rows without a '{policy.target}', so the gate cannot score it")
    truth = target.to_numpy(np.float64) if contract.task == "regression" else target.astype(str).to_numpy(object)
    blocks = blocks_of(frame[policy.time] if policy.time else None, policy.block, len(frame))
    predictions = predictions_of(candidate, contract, frame)
    return Case(policy, contract, frame, truth, blocks, predictions, _answered(predictions))


def slices_of(case: Case, column: str) -> tuple[list[Slice], list[str]]:
    """The slices with enough rows to judge, in order of appearance, and the names of those with too few."""
    codes, values = pd.factorize(case.frame[column], use_na_sentinel=False)
    counts = np.bincount(codes, minlength=len(values))
    enough = counts >= case.policy.minimum_slice_rows
    large = [Slice(_shown(values[code]), codes == code) for code in np.flatnonzero(enough).tolist()]
    return large, [_shown(values[code]) for code in np.flatnonzero(~enough).tolist()]


def too_few(case: Case, family: str, column: str, small: Sequence[str]) -> list[Rule]:
    """One rule that was not judged for all the slices that were too small; none where there is no such slice."""
    if not small:
        return []
    more = f" and {len(small) - _NAMED} more" if len(small) > _NAMED else ""
    least = case.policy.minimum_slice_rows
    why = f"slices of {column} with fewer than {least:,} rows: {', '.join(small[:_NAMED])}{more}"
    return [Rule(f"{family}.{part(column)}", least, None, True, why, judged=False)]


def slice_rules(case: Case, family: str, column: str) -> list[str]:
    """The names that the family's rules on this column have, or would have if every slice were large enough."""
    large, small = slices_of(case, column)
    places = [f"{family}.{part(column)}.{name}" for name in (*(piece.name for piece in large), *small)]
    metrics = case.policy.slice_bounds.get(family, {}).get(column)
    return [f"{place}.{metric}" for place in places for metric in metrics] if metrics else places


def _check_columns(frame: pd.DataFrame, policy: GatePolicy) -> None:
    sliced = [column for columns in policy.slice_columns.values() for column in columns]
    for name in filter(None, (policy.target, policy.time, *sliced)):
        if name not in frame.columns:
            hint = did_you_mean(name, frame.columns)
            raise SettingsError(f"the holdout has no column '{name}', which the gate needs{hint}")


def _answered(predictions: Array) -> Array:
    """Which rows have a finite number, or probabilities that are some."""
    if predictions.ndim == 1:
        return np.asarray(np.isfinite(predictions))
    inside = np.all((predictions >= 0) & (predictions <= 1), axis=1)
    return np.asarray(inside & (np.abs(np.sum(predictions, axis=1) - 1) <= _ONE))


def _shown(value: Any) -> str:
    if pd.isna(value):
        return "null"
    return part(str(int(value)) if isinstance(value, float) and value.is_integer() else str(value))
