"""Compute the metrics of ``metrics.json`` with their intervals; NaN becomes null in the file."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from slipway.contract.metrics import metrics_for
from slipway.statistics.bootstrap import bootstrap
from slipway.statistics.metrics import score
from slipway.steps.evaluate.holdout_predictions import ScoredHoldout

MANY_VALUES = 50
VALUES_SHOWN = 30
"""Of a slice column with more than ``MANY_VALUES`` values, only the ``VALUES_SHOWN`` largest are scored."""

SliceScores = dict[str, float]
"""``rows``, every metric, and ``low`` and ``high`` of the main metric."""


class MetricInterval(msgspec.Struct, frozen=True):
    """A metric with its 95 % interval."""

    value: float
    low: float
    high: float


class Results(msgspec.Struct, frozen=True, omit_defaults=True):
    """The measured metrics, the number of rows, and the blocks in which the rows were resampled."""

    rows: int
    block: str
    blocks: int
    metrics: dict[str, MetricInterval]
    slices: dict[str, dict[str, SliceScores]]
    importance: dict[str, float]
    left_out: dict[str, int] = {}
    """For each slice column with too many values: how many of them are not shown."""
    class_shares: dict[str, float] = {}
    positive_rate: float | None = None

    @property
    def primary_metric(self) -> str:
        """The main metric, which charts and slices show."""
        return next(iter(self.metrics))


def results_of(scored: ScoredHoldout, importance: dict[str, float], seed: int) -> Results:
    """Score the complete holdout and every slice, each with its interval."""
    values = score(scored.contract, scored.labels, scored.predictions)
    intervals = bootstrap(scored.contract, scored.labels, scored.predictions, scored.blocks, seed=seed)
    groups = {column: _largest_groups(scored.rows[column]) for column in scored.slices}
    return Results(
        rows=len(scored.labels),
        block=scored.block,
        blocks=len(np.unique(scored.blocks)),
        metrics={name: MetricInterval(value, *intervals[name]) for name, value in values.items()},
        slices={column: _score_slices(scored, shown, seed) for column, (shown, _) in groups.items()},
        importance=importance,
        left_out={column: left for column, (_, left) in groups.items() if left},
        **_class_shares(scored),
    )


def _score_slices(scored: ScoredHoldout, groups: dict[str, npt.NDArray[np.int64]], seed: int) -> dict[str, SliceScores]:
    return {value: _score_slice(scored, rows, seed) for value, rows in groups.items()}


def _score_slice(scored: ScoredHoldout, rows: npt.NDArray[np.int64], seed: int) -> SliceScores:
    contract, first = scored.contract, metrics_for(scored.contract)[0]
    truth, predictions = scored.labels[rows], scored.predictions[rows]
    intervals = bootstrap(contract, truth, predictions, scored.blocks[rows], seed=seed, names=[first])
    low, high = intervals[first]
    return {"rows": len(rows), **score(contract, truth, predictions), "low": low, "high": high}


def _largest_groups(column: pd.Series) -> tuple[dict[str, npt.NDArray[np.int64]], int]:
    """Return the rows of each value, the value with most rows first, and the number of values that were left out."""
    codes, values = pd.factorize(column, use_na_sentinel=False)
    counts = np.bincount(codes, minlength=len(values))
    shown = np.argsort(-counts, kind="stable")[: VALUES_SHOWN if len(values) > MANY_VALUES else None]
    return {_slice_name(values[code]): np.flatnonzero(codes == code) for code in shown}, len(values) - len(shown)


def _slice_name(value: Any) -> str:
    if pd.isna(value):
        return "null"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _class_shares(scored: ScoredHoldout) -> dict[str, Any]:
    if scored.contract.task == "regression":
        return {}
    shares = {label: float(np.mean(scored.labels == label)) for label in scored.contract.classes}
    return {
        "class_shares": shares,
        "positive_rate": shares[scored.contract.classes[-1]] if len(shares) == 2 else None,
    }
