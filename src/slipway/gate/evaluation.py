"""Score the candidate on the holdout, as a whole and slice by slice, for all rules of the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from slipway.bundle.verdict import Rule
from slipway.contract.metrics import metrics_for
from slipway.contract.schema import Contract
from slipway.errors import DataError, SettingsError
from slipway.gate.candidate import predictions_of
from slipway.gate.policy import GatePolicy
from slipway.pipeline.candidate import Candidate
from slipway.reporting.suggestions import did_you_mean
from slipway.settings.diagnostics import quote_part
from slipway.statistics.metrics import score
from slipway.statistics.time_blocks import blocks_of
from slipway.tables.data_frame import read_parquet

Array = npt.NDArray[Any]
_SLICES_LISTED = 5
_SUM_TOLERANCE = 1e-5
"""How far from one the sum of a row's probabilities can be: some estimators predict in float32."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The holdout with the candidate's predictions; ``valid_rows`` is false where a prediction is not usable."""

    policy: GatePolicy
    contract: Contract
    frame: pd.DataFrame
    labels: Array
    blocks: Array
    predictions: Array
    valid_rows: Array

    @property
    def primary_metric(self) -> str:
        """The metric by which releases are compared."""
        return metrics_for(self.contract)[0]

    def scores(self, names: Sequence[str], rows: Array | slice = slice(None)) -> dict[str, float]:
        """Return the candidate's metrics on some rows; all are NaN if a prediction for these rows is not valid."""
        if not self.valid_rows[rows].all():
            return dict.fromkeys(names, float("nan"))
        return score(self.contract, self.labels[rows], self.predictions[rows], names=names)


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows with one value of a column, as a mask; ``name`` is the value as it appears in a rule's name."""

    name: str
    rows: Array


def evaluate_candidate(candidate: Candidate, contract: Contract, policy: GatePolicy) -> Evaluation:
    """Read the holdout and predict it with the candidate's own model file.

    Raises:
        SettingsError: the holdout lacks a column that the policy names.
        DataError: the holdout cannot be read, has no rows, or has rows without a target.
        BundleError: the model cannot be loaded.
    """
    frame = read_parquet(candidate.holdout).reset_index(drop=True)
    _check_columns(frame, policy)
    target = frame[policy.target]
    if frame.empty:
        raise DataError("the holdout has no rows, so the gate cannot score the candidate")
    if unlabeled := int(target.isna().sum()):
        raise DataError(
            f"{unlabeled:,} of the {len(frame):,} holdout rows have no '{policy.target}' value, so the gate cannot score "
            "them"
        )
    truth = target.to_numpy(np.float64) if contract.task == "regression" else target.astype(str).to_numpy(object)
    blocks = blocks_of(frame[policy.time] if policy.time else None, policy.block, len(frame))
    predictions = predictions_of(candidate, contract, frame)
    return Evaluation(policy, contract, frame, truth, blocks, predictions, _find_valid_rows(predictions))


def slices_of(evaluation: Evaluation, column: str) -> tuple[list[Slice], list[str]]:
    """Return the slices with enough rows to evaluate, in order of appearance, and the names of those with too few."""
    codes, values = pd.factorize(evaluation.frame[column], use_na_sentinel=False)
    counts = np.bincount(codes, minlength=len(values))
    enough = counts >= evaluation.policy.minimum_slice_rows
    large = [Slice(_slice_name(values[code]), codes == code) for code in np.flatnonzero(enough).tolist()]
    return large, [_slice_name(values[code]) for code in np.flatnonzero(~enough).tolist()]


def small_slice_rules(evaluation: Evaluation, family: str, column: str, small: Sequence[str]) -> list[Rule]:
    """Return one rule, not judged, that lists all slices that are too small; an empty list if there is no such slice."""
    if not small:
        return []
    more = f" and {len(small) - _SLICES_LISTED} more" if len(small) > _SLICES_LISTED else ""
    least = evaluation.policy.minimum_slice_rows
    why = f"slices of {column} with fewer than {least:,} rows: {', '.join(small[:_SLICES_LISTED])}{more}"
    return [Rule(f"{family}.{quote_part(column)}", least, None, True, why, judged=False)]


def slice_rule_names(evaluation: Evaluation, family: str, column: str) -> list[str]:
    """Return the names of the family's rules on this column, also those of slices that are too small."""
    large, small = slices_of(evaluation, column)
    names = [f"{family}.{quote_part(column)}.{name}" for name in (*(piece.name for piece in large), *small)]
    metrics = evaluation.policy.slice_thresholds.get(family, {}).get(column)
    return [f"{name}.{metric}" for name in names for metric in metrics] if metrics else names


def _check_columns(frame: pd.DataFrame, policy: GatePolicy) -> None:
    sliced = [column for columns in policy.slice_columns.values() for column in columns]
    for name in filter(None, (policy.target, policy.time, *sliced)):
        if name not in frame.columns:
            hint = did_you_mean(name, frame.columns)
            raise SettingsError(f"the holdout has no column '{name}', which the gate needs{hint}")


def _find_valid_rows(predictions: Array) -> Array:
    """Return a mask of the rows with a finite number, or with probabilities that add up to one."""
    if predictions.ndim == 1:
        return np.asarray(np.isfinite(predictions))
    inside = np.all((predictions >= 0) & (predictions <= 1), axis=1)
    return np.asarray(inside & (np.abs(np.sum(predictions, axis=1) - 1) <= _SUM_TOLERANCE))


def _slice_name(value: Any) -> str:
    if pd.isna(value):
        return "null"
    # A column of whole numbers with a null is float64 in pandas: write 1, not 1.0, with or without the null.
    return quote_part(str(int(value)) if isinstance(value, float) and value.is_integer() else str(value))
