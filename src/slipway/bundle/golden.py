"""Compare predictions with a bundle's golden ones: those of the scorer, of batch and of every running server."""

from __future__ import annotations

import math
from collections.abc import Sequence

from slipway.bundle.release_file import GoldenRows

TOLERANCE = 1e-9
"""Largest allowed relative difference between a prediction and the golden one."""
Prediction = Sequence[float] | float
"""The prediction for one row: a number, or one number per class."""


def golden_difference(
    golden: GoldenRows, predictions: Sequence[Prediction], labels: Sequence[str] | None = None
) -> str | None:
    """Describe the first difference from the golden predictions beyond the tolerance; None if there is none.

    Args:
        labels: one label per row, if the predictions have labels.
    """
    # Plain Python: the process that checks the servers does not need to import numpy.
    expected = golden.predictions
    if len(predictions) != len(expected):
        return f"expected {len(expected)} predictions, got {len(predictions)}"
    for row, (actual, wanted) in enumerate(zip(predictions, expected, strict=True)):
        if not _are_close(actual, wanted):
            return f"row {row}: expected {wanted}, got {actual}"
    for row, (label, wanted_label) in enumerate(zip(labels or (), golden.labels or (), strict=False)):
        if label != wanted_label:
            return f"row {row}: expected the label {wanted_label!r}, got {label!r}"
    return None


def _are_close(actual: Prediction, expected: Prediction) -> bool:
    if isinstance(actual, Sequence) and isinstance(expected, Sequence):
        return len(actual) == len(expected) and all(map(_are_close, actual, expected))
    if isinstance(actual, Sequence) or isinstance(expected, Sequence):
        return False
    # The tiny absolute tolerance makes 0.0 equal to a denormal number, which no relative tolerance does.
    return math.isclose(actual, expected, rel_tol=TOLERANCE, abs_tol=1e-300)
