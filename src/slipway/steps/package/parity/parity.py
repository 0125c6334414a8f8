"""Does the compiled model say exactly what scikit-learn says?

It is asked on every row of the holdout, on rows with every category of training, with nulls, with unseen categories
and with numbers of any size, and on rows at the edges of every question that a tree asks. Labels must be identical and
numbers within a tolerance; what reaches a tree must be the same to the last bit.
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
from slipway.steps.package.compiler.compile import compile_estimator, compile_steps, estimator_of, steps_before
from slipway.steps.package.mlflow_flavor.slipway_model_1 import Compiled
from slipway.steps.package.parity.boundary_rows import Edges, edges
from slipway.steps.package.parity.perturbations import with_each_category, with_extremes, with_nulls, with_unseen
from slipway.steps.package.parity.predictions import (
    Answers,
    Comparison,
    by_graph,
    by_scikit_learn,
    compare,
    feeds_of,
    transformed,
)
from slipway.tables.data_frame import inputs_of

TOLERANCE = 1e-9
MOST_VARIED = 5_000
_REMEDY = (
    "For a null, impute the column in [train] or make it not nullable in the contract; for an unseen category, let the "
    "encoder take unknown ones or close the column's values in the contract"
)


def prove(
    model: Any, compiled: bytes, contract: Contract, frame: pd.DataFrame, train: pd.DataFrame, seed: int = 0
) -> dict[str, Any]:
    """Compare the compiled model with scikit-learn on the holdout ``frame``, and on rows made from it and ``train``.

    Returns:
        What becomes ``proof.json``: the counts for each kind of rows, and ``ok``.

    Raises:
        ContractError: scikit-learn itself refuses rows that the contract allows.
    """
    # Unseen categories and overflows are what is asked for here, and nothing that a user must hear of.
    with warnings.catch_warnings(action="ignore"):
        return _proved(model, compiled, contract, frame, train, np.random.default_rng(seed))


def _proved(
    model: Any,
    compiled: bytes,
    contract: Contract,
    frame: pd.DataFrame,
    train: pd.DataFrame,
    rng: np.random.Generator,
) -> dict[str, Any]:
    run, kinds, parts = Compiled(compiled), {}, {}
    inputs = inputs_of(frame, contract)
    matrix, expected = asked(model, inputs, "holdout", contract)
    kinds["holdout"] = compare(expected, by_graph(run, feeds_of(inputs, contract), contract))
    for kind, rows in _variations(model, inputs, inputs_of(train, contract), contract, rng):
        _, expected = asked(model, rows, kind, contract)
        kinds[kind] = compare(expected, by_graph(run, feeds_of(rows, contract), contract))
        parts[kind] = rows
    edge = edges(estimator_of(model), _dense(matrix), rng)
    thresholds: dict[str, Any] = {}
    if edge is not None:
        kinds["thresholds"], same = _at_edges(model, compiled, edge, contract)
        steps = _same_matrix(model, pd.concat([_some(inputs, rng), *parts.values()]), contract)
        thresholds = {"questions": edge.questions, "tried": edge.tried, "same_trees": same, "same_matrix": steps}
    return _report(compiled, kinds, thresholds)


def _variations(
    model: Any, inputs: pd.DataFrame, train: pd.DataFrame, contract: Contract, rng: np.random.Generator
) -> Iterator[tuple[str, pd.DataFrame]]:
    yield "categories", with_each_category(train, contract)
    some = _some(inputs, rng)
    if any(column.nullable for column in contract.inputs):
        yield "nulls", with_nulls(some, contract, rng)
    if contract.strings:
        yield "unseen", with_unseen(some, contract, rng)
    yield "extremes", _extremes(model, some, contract, rng)


def _some(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return rows.iloc[np.sort(rng.permutation(len(rows))[:MOST_VARIED])]


def _extremes(model: Any, rows: pd.DataFrame, contract: Contract, rng: np.random.Generator) -> pd.DataFrame:
    """Numbers as large as scikit-learn takes: what is beyond float32 it refuses, where it rounds to that."""
    for largest in (np.inf, 1e38, 1e30, 1e15):
        extreme = with_extremes(rows, contract, rng, largest)
        with suppress(ValueError):
            by_scikit_learn(model, transformed(model, extreme), contract)
            return extreme
    return rows[:0]


def asked(model: Any, rows: pd.DataFrame, kind: str, contract: Contract) -> tuple[Any, Answers]:
    """What reaches the estimator of these rows, and what scikit-learn says to them.

    Raises:
        ContractError: it refuses them, though the contract allows such rows; a server could not answer either.
    """
    try:
        matrix = transformed(model, rows)
        return matrix, by_scikit_learn(model, matrix, contract)
    except ValueError as error:
        raise ContractError(
            f"scikit-learn refuses rows that the contract of '{contract.name}' allows ({kind}): "
            f"{str(error).splitlines()[0].rstrip('.')}. {_REMEDY}"
        ) from error


def _at_edges(model: Any, compiled: bytes, edge: Edges, contract: Contract) -> tuple[Comparison, bool]:
    """The edges are tried on the estimator alone, which must hold the very trees of the whole model."""
    alone = compile_estimator(model, contract, edge.rows.shape[1]).SerializeToString()
    got = by_graph(Compiled(alone), {"matrix": edge.rows}, contract)
    return compare(by_scikit_learn(model, edge.rows, contract), got), _trees(alone) == _trees(compiled)


def _same_matrix(model: Any, rows: pd.DataFrame, contract: Contract) -> bool:
    """Whether the steps before the trees give them the very same bits: at a threshold, the last one decides."""
    if not steps_before(model):
        return True
    (got,) = Compiled(compile_steps(model, contract).SerializeToString()).run(feeds_of(rows, contract), ["matrix"])
    return np.array_equal(_dense(transformed(model, rows)), got, equal_nan=True)


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
    wrong += [part for part in ("trees", "matrix") if not thresholds.get(f"same_{part}", True)]
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
