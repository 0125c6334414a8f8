"""Compute the metrics of a model, which `evaluate` reports and the gate compares.

Every metric is a function of how often each *block* of rows counts, so the plain score, a weighted score and all
rounds of a bootstrap are one computation on a matrix of counts, and no rows are copied.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from slipway.contract.schema import Contract
from slipway.statistics.sample import sample_of
from slipway.statistics.weighted_metrics import statistic_of

BINARY = ("roc_auc", "average_precision", "log_loss", "brier", "accuracy", "calibration_error")
MULTI_CLASS = ("roc_auc", "log_loss", "accuracy", "f1_macro", "calibration_error")
REGRESSION = ("rmse", "mae", "r2", "median_absolute_error")
HIGHER_IS_BETTER = frozenset({"roc_auc", "average_precision", "accuracy", "f1_macro", "r2"})
SHARES = frozenset({"roc_auc", "average_precision", "brier", "accuracy", "calibration_error", "f1_macro"})
"""Metrics between 0 and 1."""


def metrics_for(contract: Contract) -> tuple[str, ...]:
    """Return the metrics of the contract's task; the first one is the main metric, used where only one is shown.

    With two classes, the *last* one in ``contract.classes`` is the positive class.
    """
    if contract.task == "regression":
        return REGRESSION
    return BINARY if len(contract.classes) == 2 else MULTI_CLASS


def higher_is_better(name: str) -> bool:
    """Return whether a larger value of this metric means a better model."""
    return name in HIGHER_IS_BETTER


def range_of(name: str) -> tuple[float, float]:
    """Return the lowest and the highest value that this metric can have."""
    if name == "r2":
        return -math.inf, 1.0
    return 0.0, 1.0 if name in SHARES else math.inf


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
