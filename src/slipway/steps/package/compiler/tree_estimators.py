"""Convert scikit-learn's tree estimators.

HistGradientBoosting compares in float64. The other estimators first round a row to float32 and compare it with float64
thresholds, and the graph does the same. Values are added in scikit-learn's order, the starting value first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import spox.opset.ai.onnx.v21 as op
from spox import Var

from slipway.steps.package.compiler.encoders import ordinal_encoder
from slipway.steps.package.compiler.errors import unsupported_error
from slipway.steps.package.compiler.matrix import Matrix, as_tensor, constant, select_columns, width
from slipway.steps.package.compiler.onnx_tree_ensemble import Tree, stump, tree_ensemble
from slipway.steps.package.compiler.scores import Scores, scores_from_margin, scores_from_probabilities, scores_from_raw


def hist_classifier(step: Any, matrix: Matrix) -> Scores:
    """Apply sigmoid or softmax to the sum; the class follows from the sign or the largest sum."""
    return scores_from_raw(_hist_sum(step, matrix), class_at_zero=0)


def hist_regressor(step: Any, matrix: Matrix) -> Var:
    """Apply the inverse of the loss's link function to the sum."""
    raw, link = _hist_sum(step, matrix), type(step._loss.link).__name__
    if link not in ("IdentityLink", "LogLink"):
        raise unsupported_error(step, f"with the link {link} has no converter to ONNX")
    return op.exp(raw) if link == "LogLink" else raw


def boosting_classifier(step: Any, matrix: Matrix) -> Scores:
    """As for HistGradientBoosting, but a sum of zero is the second class, and the exponential loss doubles the sum."""
    raw = boosting_sum(step, matrix)
    if step.loss == "exponential":
        return scores_from_margin(raw, op.sigmoid(op.mul(raw, constant(2.0))), class_at_zero=1)
    return scores_from_raw(raw, class_at_zero=1)


def boosting_sum(step: Any, matrix: Matrix) -> Var:
    """Add the trees' values, the starting value first."""
    if step.init is not None and not isinstance(step.init, str):
        raise unsupported_error(step, "with a custom init estimator has no converter to ONNX")
    start = step._raw_predict_init(np.zeros((1, width(matrix)), dtype=np.float32))[0]
    trees = [stump(float(value), target) for target, value in enumerate(start)]
    for stage in step.estimators_:
        trees += [sklearn_tree(member, scale=step.learning_rate, target=k) for k, member in enumerate(stage)]
    return tree_ensemble(as_float32(matrix), trees, len(start))


def forest_classifier(step: Any, matrix: Matrix) -> Scores:
    """Add the trees' probabilities, then divide by the number of trees."""
    total = _class_sums(step, step.estimators_, matrix)
    return scores_from_probabilities(op.div(total, constant(float(len(step.estimators_)))))


def forest_regressor(step: Any, matrix: Matrix) -> Var:
    """Add the trees' values, then divide by the number of trees."""
    _check_one_output(step)
    trees = [sklearn_tree(member) for member in step.estimators_]
    return op.div(tree_ensemble(as_float32(matrix), trees, 1), constant(float(len(trees))))


def tree_classifier(step: Any, matrix: Matrix) -> Scores:
    """Predict the probabilities of one tree."""
    return scores_from_probabilities(_class_sums(step, [step], matrix))


def tree_regressor(step: Any, matrix: Matrix) -> Var:
    """Predict the value of one tree."""
    _check_one_output(step)
    return tree_ensemble(as_float32(matrix), [sklearn_tree(step)], 1)


def as_float32(matrix: Matrix) -> Var:
    """Round rows to float32 and convert them back to float64."""
    return op.cast(op.cast(as_tensor(matrix), to=np.float32), to=np.float64)


def sklearn_tree(member: Any, target: int = 0, scale: float | None = None) -> Tree:
    """Return a `DecisionTree*` as arrays; for a classifier, with the probability of class ``target``."""
    inside = member.tree_
    nodes = inside.__getstate__()["nodes"]
    value = inside.value[:, 0, target if inside.value.shape[2] > 1 else 0]
    return Tree(
        feature=nodes["feature"],
        threshold=nodes["threshold"],
        left=nodes["left_child"],
        right=nodes["right_child"],
        missing_left=nodes["missing_go_to_left"].astype(bool),
        leaf=nodes["left_child"] == -1,
        value=value if scale is None else scale * value,
        target=target,
    )


def hist_tree(predictor: Any, target: int) -> Tree:
    """Return a tree of HistGradientBoosting as arrays."""
    nodes = predictor.nodes
    by_category = np.flatnonzero(nodes["is_categorical"].astype(bool) & ~nodes["is_leaf"].astype(bool))
    sets = {int(node): _categories(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]]) for node in by_category}
    return Tree(
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=nodes["num_threshold"],
        left=nodes["left"].astype(np.int64),
        right=nodes["right"].astype(np.int64),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        leaf=nodes["is_leaf"].astype(bool),
        value=nodes["value"],
        target=target,
        members=sets,
    )


def _categories(bitset: Any) -> list[float]:
    return [float(code) for code in range(32 * len(bitset)) if int(bitset[code // 32]) >> code % 32 & 1]


def _hist_sum(step: Any, matrix: Matrix) -> Var:
    baseline = np.ravel(step._baseline_prediction)
    trees = [stump(float(value), target) for target, value in enumerate(baseline)]
    trees += [hist_tree(tree, target) for stage in step._predictors for target, tree in enumerate(stage)]
    return tree_ensemble(as_tensor(hist_inputs(step, matrix)), trees, len(baseline))


def hist_inputs(step: Any, matrix: Matrix) -> Matrix:
    """Return the matrix in the trees' layout: categorical features come first and are encoded."""
    if step._preprocessor is None:
        return matrix
    categorical = np.asarray(step.is_categorical_)
    encoder = step._preprocessor.named_transformers_["encoder"]
    encoded = ordinal_encoder(encoder, select_columns(matrix, np.flatnonzero(categorical).tolist()))
    return encoded + select_columns(matrix, np.flatnonzero(~categorical).tolist())


def _class_sums(step: Any, members: Any, matrix: Matrix) -> Var:
    """Add the probabilities of each class; a leaf in ONNX has one number, so each tree appears once for each class."""
    _check_one_output(step)
    trees = [sklearn_tree(member, target=k) for member in members for k in range(step.n_classes_)]
    return tree_ensemble(as_float32(matrix), trees, int(step.n_classes_))


def _check_one_output(step: Any) -> None:
    if step.n_outputs_ != 1:
        raise unsupported_error(step, f"predicts {step.n_outputs_} targets, but a contract has one")


def trees_of(estimator: Any) -> list[Tree]:
    """Return the trees of an estimator, or an empty list."""
    if hasattr(estimator, "_predictors"):
        return [hist_tree(tree, k) for stage in estimator._predictors for k, tree in enumerate(stage)]
    if hasattr(estimator, "tree_"):
        return [sklearn_tree(estimator)]
    members = np.ravel(getattr(estimator, "estimators_", []))
    return [sklearn_tree(member) for member in members if hasattr(member, "tree_")]


def has_float32_inputs(estimator: Any) -> bool:
    """Whether the estimator rounds a row to float32."""
    return not hasattr(estimator, "_predictors")


def feature_columns(estimator: Any, count: int) -> npt.NDArray[np.int64]:
    """Return the column in the estimator's matrix for each feature of the trees."""
    if getattr(estimator, "_preprocessor", None) is None:
        return np.arange(count)
    categorical = np.asarray(estimator.is_categorical_)
    return np.concatenate([np.flatnonzero(categorical), np.flatnonzero(~categorical)])


def category_values(estimator: Any) -> list[npt.NDArray[np.float64]]:
    """Return the values of the categories for each feature that the trees split by category."""
    if getattr(estimator, "_preprocessor", None) is None:
        return []
    encoder = estimator._preprocessor.named_transformers_["encoder"]
    return [np.asarray(categories, dtype=np.float64) for categories in encoder.categories_]
