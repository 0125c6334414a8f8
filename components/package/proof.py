"""Does the compiled model say exactly what scikit-learn says?

It is asked on every row of the holdout, on rows with nulls and with unseen categories, and on rows at the edges of
every question that a tree asks. Labels must be identical and numbers within a tolerance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pandas as pd

from components.package.answers import Answers, Comparison, by_graph, by_scikit_learn, compare, feeds_of, transformed
from components.package.compiler import compile_estimator, estimator_of
from components.package.mlflow_face.slipway_model_1 import Compiled
from components.package.thresholds import Edges, edges
from components.package.variations import with_nulls, with_unseen
from pipeline.component.contract import Contract
from pipeline.component.frame import inputs_of
from pipeline.errors import ContractError

TOLERANCE = 1e-9
MOST_VARIED = 5_000


def prove(model: Any, compiled: bytes, contract: Contract, frame: pd.DataFrame, seed: int = 0) -> dict[str, Any]:
    """Compare the compiled model with scikit-learn on ``frame`` and on rows made from it.

    Returns:
        What becomes ``proof.json``: the counts for each kind of rows, and ``ok``.

    Raises:
        ContractError: scikit-learn itself refuses rows that the contract allows.
    """
    rng = np.random.default_rng(seed)
    run, kinds = Compiled(compiled), {}
    inputs = inputs_of(frame, contract)
    matrix, expected = _asked(model, inputs, "holdout", contract)
    kinds["holdout"] = compare(expected, by_graph(run, feeds_of(inputs, contract), contract))
    for kind, rows in _variations(inputs, contract, rng):
        _, expected = _asked(model, rows, kind, contract)
        kinds[kind] = compare(expected, by_graph(run, feeds_of(rows, contract), contract))
    edge = edges(estimator_of(model), _dense(matrix), rng)
    thresholds: dict[str, Any] = {}
    if edge is not None:
        kinds["thresholds"], same = _at_edges(model, compiled, edge, contract)
        thresholds = {"questions": edge.questions, "tried": edge.tried, "same_trees": same}
    return _report(compiled, kinds, thresholds)


def _variations(
    inputs: pd.DataFrame, contract: Contract, rng: np.random.Generator
) -> Iterator[tuple[str, pd.DataFrame]]:
    some = inputs.iloc[np.sort(rng.permutation(len(inputs))[:MOST_VARIED])]
    if any(column.nullable for column in contract.inputs):
        yield "nulls", with_nulls(some, contract, rng)
    if contract.strings:
        yield "unseen", with_unseen(some, contract, rng)


def _asked(model: Any, rows: pd.DataFrame, kind: str, contract: Contract) -> tuple[Any, Answers]:
    try:
        matrix = transformed(model, rows)
        return matrix, by_scikit_learn(model, matrix, contract)
    except ValueError as error:
        raise ContractError(
            f"scikit-learn refuses rows that the contract of '{contract.name}' allows ({kind}): "
            f"{str(error).splitlines()[0]} Impute the column in [train], or make it not nullable in the contract"
        ) from error


def _at_edges(model: Any, compiled: bytes, edge: Edges, contract: Contract) -> tuple[Comparison, bool]:
    """The edges are tried on the estimator alone, which must hold the very trees of the whole model."""
    alone = compile_estimator(model, contract, edge.rows.shape[1]).SerializeToString()
    got = by_graph(Compiled(alone), {"matrix": edge.rows}, contract)
    return compare(by_scikit_learn(model, edge.rows, contract), got), _trees(alone) == _trees(compiled)


def _trees(graph: bytes) -> list[list[bytes]]:
    nodes = onnx.load_model_from_string(graph).graph.node
    return [
        sorted(attribute.SerializeToString() for attribute in node.attribute)
        for node in nodes
        if node.op_type == "TreeEnsemble"
    ]


def _dense(matrix: Any) -> npt.NDArray[np.float64]:
    return np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix, dtype=np.float64)


def _report(compiled: bytes, kinds: dict[str, Comparison], thresholds: dict[str, Any]) -> dict[str, Any]:
    wrong = [kind for kind, found in kinds.items() if found.label_mismatches or found.largest_difference > TOLERANCE]
    if not thresholds.get("same_trees", True):
        wrong.append("trees")
    return {
        "ok": not wrong,
        "engine": "onnx",
        "reason": "",
        "wrong": wrong,
        "tolerance": TOLERANCE,
        "kinds": {kind: asdict(found) for kind, found in kinds.items()},
        "thresholds": thresholds,
        "onnx_sha256": hashlib.sha256(compiled).hexdigest(),
    }
