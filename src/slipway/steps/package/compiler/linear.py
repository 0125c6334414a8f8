"""Convert linear models and dummy estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v21 as op
from spox import Var

from slipway.steps.package.compiler.errors import unsupported_error
from slipway.steps.package.compiler.matrix import Matrix, as_tensor, constant, integers
from slipway.steps.package.compiler.scores import Scores, scores_from_probabilities, scores_from_raw


def linear_form(step: Any, matrix: Matrix) -> Var:
    """Multiply X by the coefficients and add the intercept."""
    coefficients = np.atleast_2d(step.coef_)
    if not hasattr(step, "classes_") and len(coefficients) != 1:
        raise unsupported_error(step, f"predicts {len(coefficients)} targets, but a contract has one")
    product = op.matmul(as_tensor(matrix), constant(coefficients.T))
    return op.add(product, constant(np.ravel(step.intercept_)))


def log_linear_regressor(step: Any, matrix: Matrix) -> Var:
    """Apply the exponential, the inverse of the log link, to the linear form."""
    return op.exp(linear_form(step, matrix))


def logistic_regression(step: Any, matrix: Matrix) -> Scores:
    """Apply sigmoid or softmax to the linear form."""
    return scores_from_raw(linear_form(step, matrix), class_at_zero=0)


def dummy_classifier(step: Any, matrix: Matrix) -> Scores:
    """Predict the same probabilities for every row."""
    if step.strategy in ("stratified", "uniform"):
        raise unsupported_error(step, f"with strategy='{step.strategy}' predicts at random")
    probabilities = step.predict_proba(np.zeros((1, step.n_features_in_)))
    return scores_from_probabilities(_repeat_row(matrix, probabilities))


def dummy_regressor(step: Any, matrix: Matrix) -> Var:
    """Predict the same number for every row."""
    return _repeat_row(matrix, np.reshape(step.constant_, (1, 1)))


def _repeat_row(matrix: Matrix, row: npt.NDArray[Any]) -> Var:
    count = op.gather(op.shape(matrix[0].var), integers([0]), axis=0)
    return op.expand(constant(row), op.concat([count, integers([row.shape[1]])], axis=0))
