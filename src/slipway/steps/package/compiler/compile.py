"""Compile fitted scikit-learn pipelines to ONNX in float64, exact down to the order of additions.

A class without an exact converter is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import onnx
import spox.opset.ai.onnx.v21 as op
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import (
    ElasticNet,
    ElasticNetCV,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LassoCV,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    PoissonRegressor,
    Ridge,
    RidgeCV,
)
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor
from spox import Tensor, Var, argument, build

from slipway.contract.schema import Contract
from slipway.errors import ContractError
from slipway.steps.package.compiler import linear, tree_estimators
from slipway.steps.package.compiler.errors import unsupported_error
from slipway.steps.package.compiler.matrix import Block, Matrix, as_tensor, integers
from slipway.steps.package.compiler.scores import Scores
from slipway.steps.package.compiler.transformers import transform

Result = TypeVar("Result")
CLASSIFIERS: dict[type, Callable[[Any, Matrix], Scores]] = {
    DecisionTreeClassifier: tree_estimators.tree_classifier,
    DummyClassifier: linear.dummy_classifier,
    ExtraTreeClassifier: tree_estimators.tree_classifier,
    ExtraTreesClassifier: tree_estimators.forest_classifier,
    GradientBoostingClassifier: tree_estimators.boosting_classifier,
    HistGradientBoostingClassifier: tree_estimators.hist_classifier,
    LogisticRegression: linear.logistic_regression,
    LogisticRegressionCV: linear.logistic_regression,
    RandomForestClassifier: tree_estimators.forest_classifier,
}
REGRESSORS: dict[type, Callable[[Any, Matrix], Var]] = {
    DecisionTreeRegressor: tree_estimators.tree_regressor,
    DummyRegressor: linear.dummy_regressor,
    ElasticNet: linear.linear_form,
    ElasticNetCV: linear.linear_form,
    ExtraTreeRegressor: tree_estimators.tree_regressor,
    ExtraTreesRegressor: tree_estimators.forest_regressor,
    GammaRegressor: linear.log_linear_regressor,
    GradientBoostingRegressor: tree_estimators.boosting_sum,
    HistGradientBoostingRegressor: tree_estimators.hist_regressor,
    HuberRegressor: linear.linear_form,
    Lasso: linear.linear_form,
    LassoCV: linear.linear_form,
    LinearRegression: linear.linear_form,
    PoissonRegressor: linear.log_linear_regressor,
    RandomForestRegressor: tree_estimators.forest_regressor,
    Ridge: linear.linear_form,
    RidgeCV: linear.linear_form,
}


def compile_pipeline(model: Any, contract: Contract) -> onnx.ModelProto:
    """Compile the complete pipeline, with one input of shape [N, 1] for each of the contract's columns.

    Raises:
        UnsupportedModelError: a step or estimator has no exact ONNX form.
        ContractError: the model and the contract disagree on columns or classes.
    """
    inputs, matrix = _preprocessing_graph(model, contract)
    return build(inputs, _outputs(estimator_of(model), matrix, contract))


def compile_preprocessing(model: Any, contract: Contract) -> onnx.ModelProto:
    """Compile all steps before the estimator; the float64 output ``matrix`` [N, columns] is the estimator's input."""
    inputs, matrix = _preprocessing_graph(model, contract)
    return build(inputs, {"matrix": as_tensor(matrix)})


def compile_estimator(model: Any, contract: Contract, columns: int) -> onnx.ModelProto:
    """Compile the estimator alone, with one float64 input ``matrix`` [N, columns], to test rows at its thresholds."""
    matrix = argument(Tensor(np.float64, ("N", columns)))
    return build({"matrix": matrix}, _outputs(estimator_of(model), (Block(matrix, columns),), contract))


def estimator_of(model: Any) -> Any:
    """Return the last step of a pipeline, or the model itself."""
    return estimator_of(model.steps[-1][1]) if isinstance(model, Pipeline) else model


def preprocessing_steps(model: Any) -> list[tuple[str, Any]]:
    """Return every step of a pipeline before its estimator."""
    if not isinstance(model, Pipeline):
        return []
    return [*model.steps[:-1], *preprocessing_steps(model.steps[-1][1])]


def _preprocessing_graph(model: Any, contract: Contract) -> tuple[dict[str, Var], Matrix]:
    _check_columns(model, contract)
    inputs = {
        column.name: argument(Tensor(np.str_ if column.type == "string" else np.float64, ("N", 1)))
        for column in contract.inputs
    }
    matrix = tuple(
        Block(inputs[column.name], 1, strings=column.type == "string", null=contract.null_string)
        for column in contract.inputs
    )
    for _, step in preprocessing_steps(model):
        matrix = transform(step, matrix)
    return inputs, matrix


def _check_columns(model: Any, contract: Contract) -> None:
    expected = list(getattr(model, "feature_names_in_", []))
    offered = [column.name for column in contract.inputs]
    if expected and expected != offered:
        raise ContractError(
            f"the model was fitted on the columns {', '.join(expected)}, but the contract of '{contract.name}' has "
            f"{', '.join(offered)}"
        )


def _outputs(estimator: Any, matrix: Matrix, contract: Contract) -> dict[str, Var]:
    if contract.task == "regression":
        return _regression_outputs(estimator, matrix)
    return _classification_outputs(estimator, matrix, contract)


def _regression_outputs(estimator: Any, matrix: Matrix) -> dict[str, Var]:
    convert = _converter(estimator, REGRESSORS)
    if convert is None:
        raise unsupported_error(estimator, "has no converter to ONNX as a regressor")
    return {"prediction": op.reshape(convert(estimator, matrix), integers([-1]))}


def _classification_outputs(estimator: Any, matrix: Matrix, contract: Contract) -> dict[str, Var]:
    convert = _converter(estimator, CLASSIFIERS)
    if convert is None:
        raise unsupported_error(estimator, "has no converter to ONNX as a classifier")
    order = class_order(estimator, contract)
    scores = convert(estimator, matrix)
    same = order == list(range(len(order)))
    probabilities = scores.probabilities if same else op.gather(scores.probabilities, integers(order), axis=1)
    labels = op.const(np.array(list(estimator.classes_), dtype=object))
    return {"label": op.gather(labels, scores.predicted_class, axis=0), "probabilities": probabilities}


def _converter(estimator: Any, converters: Mapping[type, Callable[[Any, Matrix], Result]]) -> Any:
    """Return the converter of the estimator's class, or of a base class that it inherits all predictions from."""
    for base in type(estimator).__mro__:
        if base in converters:
            return converters[base]
        if any(part in name for name in vars(base) for part in ("predict", "decision", "transform")):
            return None
    return None


def class_order(estimator: Any, contract: Contract) -> list[int]:
    """Return the position of each of the contract's classes among the estimator's classes.

    Raises:
        ContractError: the estimator has other classes than the contract.
    """
    known = [str(label) for label in estimator.classes_]
    if sorted(known) != sorted(contract.classes):
        raise ContractError(
            f"the model has the classes {', '.join(known)}, but the contract of '{contract.name}' has "
            f"{', '.join(contract.classes)}"
        )
    return [known.index(label) for label in contract.classes]
