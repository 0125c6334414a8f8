"""Compute the metrics of a model, which `evaluate` reports and the gate compares.

Every metric is a function of how often each *block* of rows counts, so the plain score, a weighted score and all
rounds of a bootstrap are one computation on a matrix of counts, and no rows are copied.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from slipway.contract.metrics import metrics_for
from slipway.contract.schema import Contract
from slipway.statistics.sample import sample_of
from slipway.statistics.weighted_metrics import statistic_of


def score(
    contract: Contract,
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    names: Sequence[str] | None = None,
) -> dict[str, float]:
    """Return the task's metrics (or ``names``); an undefined one (a single class, a constant target) is NaN.

    ``labels`` has N labels or numbers; ``predictions`` is [N, classes] in the contract's order, or [N]. The bins of
    ``calibration_error`` have equally many rows, even if there are weights.

    Raises:
        DataError: a prediction is NaN or infinite, a label is not in the contract, or lengths differ.
    """
    rows = len(np.asarray(labels))
    blocks = np.zeros(rows, np.int64) if weights is None else np.arange(rows)
    counts = np.ones((1, 1)) if weights is None else np.asarray(weights, np.float64)[None, :]
    sample = sample_of(contract, labels, predictions, blocks, counts.shape[1])
    return {name: float(statistic_of(name, sample)(counts)[0]) for name in names or metrics_for(contract)}


def score_one(contract: Contract, labels: npt.ArrayLike, predictions: npt.ArrayLike, name: str) -> float:
    """Return a single metric; otherwise like ``score``."""
    return score(contract, labels, predictions, names=[name])[name]
