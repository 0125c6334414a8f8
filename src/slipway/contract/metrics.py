"""Define the metrics of each task, their ranges and which direction is better. Settings and serving can import it."""

from __future__ import annotations

import math

from slipway.contract.schema import Contract

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
