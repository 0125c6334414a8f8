"""Predict rows with scikit-learn or with the compiled model, and compare the predictions."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline

from slipway.contract.schema import Contract, encode_contract
from slipway.steps.package.compiler.compile import class_order, estimator_of
from slipway.steps.package.mlflow_flavor.slipway_model_1 import OnnxModel, tensors

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Predictions:
    """Probabilities [N, K] in the contract's order, or predicted numbers [N]; a regression has no labels."""

    values: Array
    labels: Array | None = None


@dataclass(frozen=True)
class Comparison:
    """Comparison of two models on the same rows: the largest relative difference of a number, and how many labels differ."""

    rows: int
    largest_difference: float
    label_mismatches: int


def transform_rows(model: Any, rows: pd.DataFrame) -> Any:
    """Apply every step before the estimator to the rows."""
    return model[:-1].transform(rows) if isinstance(model, Pipeline) and len(model.steps) > 1 else rows


def predict_with_sklearn(model: Any, matrix: Any, contract: Contract) -> Predictions:
    """Predict transformed rows with the estimator itself."""
    estimator = estimator_of(model)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        if contract.task == "regression":
            return Predictions(np.ravel(estimator.predict(matrix)))
        order = class_order(estimator, contract)
        return Predictions(
            estimator.predict_proba(matrix)[:, order], np.asarray(estimator.predict(matrix), dtype=object)
        )


def predict_with_graph(graph: OnnxModel, feeds: dict[str, Array], contract: Contract) -> Predictions:
    """Predict with a compiled model."""
    if contract.task == "regression":
        return Predictions(*graph.run(feeds, ["prediction"]))
    return Predictions(*graph.run(feeds, ["probabilities", "label"]))


def feeds_of(rows: pd.DataFrame, contract: Contract) -> dict[str, Array]:
    """Convert rows to tensors with the code that is packed into the bundle."""
    return tensors(rows, json.loads(encode_contract(contract)))


def compare(expected: Predictions, got: Predictions) -> Comparison:
    """Compare ``got`` with ``expected``; a NaN is equal to a NaN and infinitely far from any number."""
    mismatches = 0
    if expected.labels is not None and got.labels is not None:
        mismatches = int(np.sum(expected.labels != got.labels))
    return Comparison(len(expected.values), _distance(expected.values, got.values), mismatches)


def _distance(expected: Array, got: Array) -> float:
    with np.errstate(invalid="ignore"):
        far = np.abs(expected - got) / np.maximum(1.0, np.abs(expected))
    same = (expected == got) | (np.isnan(expected) & np.isnan(got))
    return float(np.max(np.where(same, 0.0, np.where(np.isnan(far), np.inf, far)), initial=0.0))
