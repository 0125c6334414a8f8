"""Are these the golden predictions? Asked of the scorer, of batch and of every live server."""

from __future__ import annotations

import math
from collections.abc import Sequence

from slipway.bundle.release_file import GoldenRows

TOLERANCE = 1e-9
"""How far a prediction may be from the golden one, relative to it."""
Prediction = Sequence[float] | float
"""The number of one row, or one for each class."""


def golden_difference(
    golden: GoldenRows, predictions: Sequence[Prediction], labels: Sequence[str] | None = None
) -> str | None:
    """What differs first from the golden predictions beyond the tolerance, if anything does.

    Args:
        labels: one for each row, where they came with the predictions.
    """
    # Plain Python: the process that asks the servers is spared numpy.
    expected = golden.predictions
    if len(predictions) != len(expected):
        return f"{len(predictions)} predictions came but {len(expected)} were expected"
    for row, (came, wanted) in enumerate(zip(predictions, expected, strict=True)):
        if not _are_close(came, wanted):
            return f"row {row} gave {came} but {wanted} was expected"
    for row, (label, right) in enumerate(zip(labels or (), golden.labels or (), strict=False)):
        if label != right:
            return f"row {row} gave the label {label!r} but {right!r} was expected"
    return None


def _are_close(actual: Prediction, expected: Prediction) -> bool:
    if isinstance(actual, Sequence) and isinstance(expected, Sequence):
        return len(actual) == len(expected) and all(map(_are_close, actual, expected))
    if isinstance(actual, Sequence) or isinstance(expected, Sequence):
        return False
    return math.isclose(actual, expected, rel_tol=TOLERANCE, abs_tol=1e-300)
