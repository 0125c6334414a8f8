"""The proof finds what is wrong: in a leaf, in a threshold that no row of the holdout meets, in a precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from slipway.steps.package.compiler.compile import compile_pipeline
from slipway.steps.package.parity.boundary_rows import build_boundary_rows
from slipway.steps.package.parity.parity import check_parity
from slipway.steps.package.parity.predictions import Predictions, compare
from slipway.tables.data_frame import inputs_of
from tests.support.awkward_rows import contract_for, fitted, rows

NUMBERS = ColumnTransformer([("numbers", "passthrough", ["distance", "hour", "delay"])])


def changed(graph: onnx.ModelProto, attribute: str, change: Callable[[Any], Any]) -> bytes:
    """The same graph with one attribute of its trees changed."""
    node = next(node for node in graph.graph.node if node.op_type == "TreeEnsemble")
    place = next(one for one in node.attribute if one.name == attribute)
    values = numpy_helper.to_array(place.t).copy()
    place.t.CopyFrom(numpy_helper.from_array(change(values), place.t.name))
    content: bytes = graph.SerializeToString()
    return content


def test_one_wrong_leaf_fails_the_proof() -> None:
    model, contract = fitted(NUMBERS, HistGradientBoostingClassifier(max_iter=5, random_state=0), 2), contract_for(2)

    def change(leaves: Any) -> Any:
        leaves[3] += 1e-7
        return leaves

    proof = check_parity(
        model, changed(compile_pipeline(model, contract), "leaf_weights", change), contract, rows(), rows()
    )
    assert not proof["ok"]
    assert proof["wrong"] == ["holdout", "categories", "nulls", "unseen", "extremes", "trees"]
    assert 1e-9 < proof["kinds"]["holdout"]["largest_difference"] < 1e-6


def test_a_threshold_that_is_wrong_where_no_row_lies_fails_the_proof() -> None:
    model, contract = fitted(NUMBERS, HistGradientBoostingClassifier(max_iter=5, random_state=0), 2), contract_for(2)

    def change(splits: Any) -> Any:
        splits[2] = np.nextafter(splits[2], np.inf)
        return splits

    proof = check_parity(
        model, changed(compile_pipeline(model, contract), "nodes_splits", change), contract, rows(), rows()
    )
    assert proof["wrong"] == ["trees"]
    assert not proof["ok"]


def test_a_forest_compared_in_float64_would_fail_at_its_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows at the edges are sharp enough to see a missing rounding to float32."""
    from slipway.steps.package.compiler import tree_estimators as trees
    from slipway.steps.package.compiler.matrix import as_tensor

    model, contract = fitted(NUMBERS, RandomForestClassifier(10, random_state=0), 2), contract_for(2)
    monkeypatch.setattr(trees, "as_float32", as_tensor)
    proof = check_parity(model, compile_pipeline(model, contract).SerializeToString(), contract, rows(), rows())
    assert "thresholds" in proof["wrong"]


@pytest.mark.parametrize("depth", [2, 12])
def test_the_rows_at_the_edges_reach_their_questions(depth: int) -> None:
    frame, contract = rows(), contract_for(2)
    matrix = inputs_of(frame, contract)[["distance", "hour", "delay"]].fillna(0).to_numpy()
    tree = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(matrix, frame.y2)
    edge = build_boundary_rows(tree, matrix, np.random.default_rng(0))
    assert edge is not None
    inner = np.flatnonzero(tree.tree_.children_left >= 0)
    assert edge.splits == edge.splits_tested == len(inner)
    reached = tree.decision_path(edge.rows).toarray().astype(bool)
    asked = np.tile(inner, 4)  # the fifth part has a null there, which a question above may send elsewhere
    assert reached[np.arange(len(asked)), asked].all()


def test_every_question_is_answered_both_ways_at_its_edge() -> None:
    frame, contract = rows(), contract_for(2)
    matrix = inputs_of(frame, contract)[["distance", "hour", "delay"]].fillna(0).to_numpy()
    tree = DecisionTreeClassifier(random_state=0).fit(matrix, frame.y2)
    edge = build_boundary_rows(tree, matrix, np.random.default_rng(0))
    assert edge is not None
    inner, inside = np.flatnonzero(tree.tree_.children_left >= 0), tree.tree_
    at, under, over, beside, missing = np.split(edge.rows, 5)
    here = np.arange(len(inner)), inside.feature[inner]
    assert (under[here].astype(np.float32) <= inside.threshold[inner]).all()
    assert (over[here].astype(np.float32) > inside.threshold[inner]).all()
    assert (at[here] == inside.threshold[inner]).all()
    assert (beside[here] == np.nextafter(inside.threshold[inner], np.inf)).all()
    assert np.isnan(missing[here]).all()


@pytest.mark.parametrize(
    ("expected", "got", "difference"),
    [
        ([1.0, np.nan], [1.0, np.nan], 0.0),
        ([1.0, np.nan], [1.0, 1.0], np.inf),
        ([1.0], [np.nan], np.inf),
        ([np.inf], [np.inf], 0.0),
        ([1e6], [1e6 + 1], 1e-6),
        ([0.0], [1e-3], 1e-3),
        ([], [], 0.0),
    ],
)
def test_differences_are_relative_above_one_and_a_nan_is_far_from_everything(
    expected: list[float], got: list[float], difference: float
) -> None:
    found = compare(Predictions(np.array(expected)), Predictions(np.array(got)))
    assert found.largest_difference == pytest.approx(difference)


def test_labels_that_differ_are_counted() -> None:
    numbers = np.zeros((2, 2))
    left, right = (np.array(labels, dtype=object) for labels in (["a", "b"], ["a", "c"]))
    assert compare(Predictions(numbers, left), Predictions(numbers, right)).label_mismatches == 1
