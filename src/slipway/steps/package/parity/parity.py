"""Check parity: whether the compiled model predicts the same as scikit-learn.

They are compared on every row of the holdout, on rows with every category of training, with nulls, with unseen categories
and with numbers of any size, and on rows at the boundary of every split of a tree. Labels must be identical and numbers
within a tolerance; the input of a tree must be the same to the last bit.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pandas as pd

from slipway.contract.schema import Contract
from slipway.errors import ContractError
from slipway.steps.package.compiler.compile import (
    compile_estimator,
    compile_preprocessing,
    estimator_of,
    preprocessing_steps,
)
from slipway.steps.package.mlflow_flavor.slipway_model_1 import OnnxModel
from slipway.steps.package.parity.boundary_rows import BoundaryRows, build_boundary_rows
from slipway.steps.package.parity.perturbations import (
    add_nulls,
    add_unseen_categories,
    rows_with_each_category,
    rows_with_extremes,
)
from slipway.steps.package.parity.predictions import (
    Comparison,
    Predictions,
    compare,
    feeds_of,
    predict_with_graph,
    predict_with_sklearn,
    transform_rows,
)
from slipway.tables.data_frame import inputs_of

TOLERANCE = 1e-9
MAX_VARIED_ROWS = 5_000
_REMEDY = (
    "For a null, impute the column in [train] or make it not nullable in the contract; for an unseen category, let the "
    "encoder accept unknown categories or list the column's values in the contract"
)


def check_parity(
    model: Any, graph: bytes, contract: Contract, holdout: pd.DataFrame, train: pd.DataFrame, seed: int = 0
) -> dict[str, Any]:
    """Compare the compiled model with scikit-learn on the ``holdout``, and on rows derived from it and from ``train``.

    Returns:
        The content of ``proof.json``: the differences for each kind of rows, and ``ok``.

    Raises:
        ContractError: scikit-learn itself refuses rows that the contract allows.
    """
    # Unseen categories and overflows are intended in these rows, so their warnings would only confuse a user.
    with warnings.catch_warnings(action="ignore"):
        return _compare_all_kinds(model, graph, contract, holdout, train, np.random.default_rng(seed))


def _compare_all_kinds(
    model: Any,
    graph: bytes,
    contract: Contract,
    holdout: pd.DataFrame,
    train: pd.DataFrame,
    rng: np.random.Generator,
) -> dict[str, Any]:
    run, kinds, parts = OnnxModel(graph), {}, {}
    inputs = inputs_of(holdout, contract)
    matrix, expected = transform_and_predict(model, inputs, "holdout", contract)
    kinds["holdout"] = compare(expected, predict_with_graph(run, feeds_of(inputs, contract), contract))
    for kind, rows in _variations(model, inputs, inputs_of(train, contract), contract, rng):
        _, expected = transform_and_predict(model, rows, kind, contract)
        kinds[kind] = compare(expected, predict_with_graph(run, feeds_of(rows, contract), contract))
        parts[kind] = rows
    edge = build_boundary_rows(estimator_of(model), _to_dense(matrix), rng)
    thresholds: dict[str, Any] = {}
    if edge is not None:
        kinds["thresholds"], same = _compare_at_boundaries(model, graph, edge, contract)
        steps = _has_same_matrix(model, pd.concat([_sample_rows(inputs, rng), *parts.values()]), contract)
        thresholds = {"questions": edge.splits, "tried": edge.splits_tested, "same_trees": same, "same_matrix": steps}
    return _report(graph, kinds, thresholds)


def _variations(
    model: Any, inputs: pd.DataFrame, train: pd.DataFrame, contract: Contract, rng: np.random.Generator
) -> Iterator[tuple[str, pd.DataFrame]]:
    yield "categories", rows_with_each_category(train, contract)
    some = _sample_rows(inputs, rng)
    if any(column.nullable for column in contract.inputs):
        yield "nulls", add_nulls(some, contract, rng)
    if contract.strings:
        yield "unseen", add_unseen_categories(some, contract, rng)
    yield "extremes", _extreme_rows(model, some, contract, rng)


def _sample_rows(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return rows.iloc[np.sort(rng.permutation(len(rows))[:MAX_VARIED_ROWS])]


def _extreme_rows(model: Any, rows: pd.DataFrame, contract: Contract, rng: np.random.Generator) -> pd.DataFrame:
    """Return rows with numbers as large as scikit-learn accepts: estimators that round to float32 refuse larger ones."""
    for largest in (np.inf, 1e38, 1e30, 1e15):
        extreme = rows_with_extremes(rows, contract, rng, largest)
        with suppress(ValueError):
            predict_with_sklearn(model, transform_rows(model, extreme), contract)
            return extreme
    return rows[:0]


def transform_and_predict(model: Any, rows: pd.DataFrame, kind: str, contract: Contract) -> tuple[Any, Predictions]:
    """Return the estimator's input for these rows, and scikit-learn's predictions for them.

    Raises:
        ContractError: scikit-learn refuses the rows although the contract allows them, so a server could not predict them.
    """
    try:
        matrix = transform_rows(model, rows)
        return matrix, predict_with_sklearn(model, matrix, contract)
    except ValueError as error:
        raise ContractError(
            f"scikit-learn refuses rows that the contract of '{contract.name}' allows ({kind}): "
            f"{str(error).splitlines()[0].rstrip('.')}. {_REMEDY}"
        ) from error


def _compare_at_boundaries(
    model: Any, graph: bytes, boundary: BoundaryRows, contract: Contract
) -> tuple[Comparison, bool]:
    """Compare the estimators alone on the boundary rows, and check that both graphs have the same trees."""
    alone = compile_estimator(model, contract, boundary.rows.shape[1]).SerializeToString()
    got = predict_with_graph(OnnxModel(alone), {"matrix": boundary.rows}, contract)
    return compare(predict_with_sklearn(model, boundary.rows, contract), got), _tree_nodes(alone) == _tree_nodes(graph)


def _has_same_matrix(model: Any, rows: pd.DataFrame, contract: Contract) -> bool:
    """Whether the steps before the trees compute exactly the same bits: at a threshold, the last bit decides."""
    if not preprocessing_steps(model):
        return True
    (got,) = OnnxModel(compile_preprocessing(model, contract).SerializeToString()).run(
        feeds_of(rows, contract), ["matrix"]
    )
    return np.array_equal(_to_dense(transform_rows(model, rows)), got, equal_nan=True)


def _tree_nodes(graph: bytes) -> list[list[bytes]]:
    nodes = onnx.load_model_from_string(graph).graph.node
    return [
        sorted(attribute.SerializeToString() for attribute in node.attribute)
        for node in nodes
        if node.op_type == "TreeEnsemble"
    ]


def _to_dense(matrix: Any) -> npt.NDArray[np.float64]:
    return np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix, dtype=np.float64)


def _report(graph: bytes, kinds: dict[str, Comparison], thresholds: dict[str, Any]) -> dict[str, Any]:
    wrong = [kind for kind, found in kinds.items() if found.label_mismatches or found.largest_difference > TOLERANCE]
    wrong += [part for part in ("trees", "matrix") if not thresholds.get(f"same_{part}", True)]
    return {
        "ok": not wrong,
        "engine": "onnx",
        "reason": "",
        "wrong": wrong,
        "tolerance": TOLERANCE,
        "kinds": {kind: asdict(found) for kind, found in kinds.items()},
        "thresholds": thresholds,
        "onnx_sha256": hashlib.sha256(graph).hexdigest(),
    }
