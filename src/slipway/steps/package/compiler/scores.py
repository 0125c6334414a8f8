"""From sums to probabilities and labels, by scikit-learn's rules for ties."""

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
    """The first of the largest probabilities wins."""
    return Scores(probabilities, op.arg_max(probabilities, axis=1, keepdims=False))


def scores_from_raw(raw: Var, *, class_at_zero: int) -> Scores:
    """One sum: the sigmoid, and the class by its sign. Several: the softmax, and the first of the largest sums."""
    if _column_count(raw) == 1:
        return scores_from_margin(raw, op.sigmoid(raw), class_at_zero=class_at_zero)
    return Scores(op.softmax(raw, axis=1), op.arg_max(raw, axis=1, keepdims=False))


def scores_from_margin(margin: Var, second_probability: Var, *, class_at_zero: int) -> Scores:
    """Two classes: the second one's probability is given; a margin of exactly zero means the class ``at_zero``."""
    compare = op.greater_or_equal if class_at_zero else op.greater
    winner = op.cast(compare(op.reshape(margin, integers([-1])), constant(0.0)), to=np.int64)
    return Scores(op.concat([op.sub(constant(1.0), second_probability), second_probability], axis=1), winner)


def _column_count(raw: Var) -> int:
    _, columns = raw.unwrap_tensor().shape or (None, None)
    if not isinstance(columns, int):
        raise TypeError("a graph of ours has an unknown width")
    return columns
