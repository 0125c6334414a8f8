"""Convert sums to probabilities and classes, with scikit-learn's rules for ties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from slipway.steps.package.compiler.matrix import constant, integers


@dataclass(frozen=True)
class Scores:
    """Probabilities [N, K] as float64 and the predicted class [N] as int64, both in the estimator's order of classes."""

    probabilities: Var
    predicted_class: Var


def scores_from_probabilities(probabilities: Var) -> Scores:
    """Predict the class with the largest probability; of equal ones, the first."""
    return Scores(probabilities, op.arg_max(probabilities, axis=1, keepdims=False))


def scores_from_raw(raw: Var, *, class_at_zero: int) -> Scores:
    """Convert one sum to a sigmoid and the class by its sign, or several to a softmax and the first largest class."""
    if _column_count(raw) == 1:
        return scores_from_margin(raw, op.sigmoid(raw), class_at_zero=class_at_zero)
    return Scores(op.softmax(raw, axis=1), op.arg_max(raw, axis=1, keepdims=False))


def scores_from_margin(margin: Var, second_probability: Var, *, class_at_zero: int) -> Scores:
    """Convert the margin and probability of the second of two classes; a margin of exactly zero is ``class_at_zero``."""
    compare = op.greater_or_equal if class_at_zero else op.greater
    winner = op.cast(compare(op.reshape(margin, integers([-1])), constant(0.0)), to=np.int64)
    return Scores(op.concat([op.sub(constant(1.0), second_probability), second_probability], axis=1), winner)


def _column_count(raw: Var) -> int:
    _, columns = raw.unwrap_tensor().shape or (None, None)
    if not isinstance(columns, int):
        raise TypeError("the number of columns of a graph's output is unknown; this is a bug in Slipway")
    return columns
