"""Convert the steps before the estimator: one converter for each class, including those that contain other steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import (
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    VarianceThreshold,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from slipway.steps.package.compiler import encoders, scalers
from slipway.steps.package.compiler.errors import unsupported_error
from slipway.steps.package.compiler.matrix import Matrix, select_columns

Converter = Callable[[Any, Matrix], Matrix]


def transform(step: Any, matrix: Matrix) -> Matrix:
    """Convert one fitted step, by its exact class: a subclass could compute something else.

    Raises:
        UnsupportedModelError: the class, or one of its settings, has no converter.
    """
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return matrix
    if type(step) not in CONVERTERS:
        raise unsupported_error(step, "has no converter to ONNX")
    return CONVERTERS[type(step)](step, matrix)


def _pipeline(step: Any, matrix: Matrix) -> Matrix:
    for _, inner in step.steps:
        matrix = transform(inner, matrix)
    return matrix


def _column_transformer(step: Any, matrix: Matrix) -> Matrix:
    blocks: Matrix = ()
    for name, inner, _ in step.transformers_:
        columns = list(step._transformer_to_input_indices[name])
        if columns and not (isinstance(inner, str) and inner == "drop"):
            blocks += transform(inner, select_columns(matrix, columns))
    return blocks


def _function_transformer(step: Any, matrix: Matrix) -> Matrix:
    """Pass everything through; a fitted ColumnTransformer has such a transformer without a function for 'passthrough'."""
    if step.func is not None:
        raise unsupported_error(step, f"calls the Python function {step.func!r}; compute the column in ingest instead")
    return matrix


CONVERTERS: dict[type, Converter] = {
    ColumnTransformer: _column_transformer,
    FunctionTransformer: _function_transformer,
    MaxAbsScaler: scalers.max_abs_scaler,
    MinMaxScaler: scalers.min_max_scaler,
    OneHotEncoder: encoders.one_hot_encoder,
    OrdinalEncoder: encoders.ordinal_encoder,
    Pipeline: _pipeline,
    RobustScaler: scalers.robust_scaler,
    SelectFdr: scalers.selector,
    SelectFpr: scalers.selector,
    SelectFromModel: scalers.selector,
    SelectFwe: scalers.selector,
    SelectKBest: scalers.selector,
    SelectPercentile: scalers.selector,
    SimpleImputer: scalers.simple_imputer,
    StandardScaler: scalers.standard_scaler,
    TargetEncoder: encoders.target_encoder,
    VarianceThreshold: scalers.selector,
}
