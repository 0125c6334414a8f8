"""Rows at the edges: for every question that a tree asks, rows that reach it and lie at, just under and just over it.

A random row seldom reaches a deep node, so each row is moved into the box that the questions above the node leave open.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from slipway.steps.package.compiler.onnx_tree_ensemble import Tree
from slipway.steps.package.compiler.tree_estimators import (
    category_values,
    feature_columns,
    has_float32_inputs,
    trees_of,
)

MAX_SPLITS = 20_000
MAX_CELLS = 4_000_000

Matrix = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class BoundaryRows:
    """Rows of the estimator's own matrix, and how many of the questions they try."""

    rows: Matrix
    splits: int
    splits_tested: int


@dataclass(frozen=True)
class _Splits:
    """The inner nodes of trees. ``parent`` is -1 for a root; ``tries`` [Q, T] has the values to ask each one with."""

    feature: Integers
    threshold: Matrix
    parent: Integers
    from_left: npt.NDArray[np.bool_]
    numeric: npt.NDArray[np.bool_]
    probe_values: Matrix


def build_boundary_rows(estimator: Any, matrix: Matrix, rng: np.random.Generator) -> BoundaryRows | None:
    """Rows for every threshold, or for a fair share of them in a very large model; None where there are no trees."""
    rounded = has_float32_inputs(estimator)
    trees = [tree for tree in trees_of(estimator) if not tree.leaf[0]]
    if not trees or not len(matrix):
        return None
    asked = _concatenate([_tree_splits(tree, category_values(estimator), rounded) for tree in trees])
    total, columns = len(asked.feature), feature_columns(estimator, matrix.shape[1])
    limit = max(1, min(MAX_SPLITS, MAX_CELLS // matrix.shape[1]))
    chosen = np.arange(total) if total <= limit else np.sort(rng.choice(total, limit, replace=False))
    base = _move_into_box(asked, chosen, matrix[rng.integers(0, len(matrix), len(chosen))], columns, rounded)
    missing = [np.full(len(chosen), np.nan)] if estimator.__sklearn_tags__().input_tags.allow_nan else []
    rows = np.concatenate(
        [_replace_values(base, columns[asked.feature[chosen]], v) for v in [*asked.probe_values[chosen].T, *missing]]
    )
    return BoundaryRows(rows[~np.isinf(rows).any(axis=1)] if rounded else rows, total, len(chosen))


def _tree_splits(tree: Tree, categories: list[Matrix], rounded: bool) -> _Splits:
    inner = np.flatnonzero(~tree.leaf)
    position = np.cumsum(~tree.leaf) - 1
    parent = np.full(len(tree.leaf), -1)
    parent[tree.left[inner]] = parent[tree.right[inner]] = position[inner]
    from_left = np.zeros(len(tree.leaf), dtype=bool)
    from_left[tree.left[inner]] = True
    tries = _values_around(tree.threshold[inner], rounded)
    for node, members in tree.members.items():
        tries[position[node]] = _categories_to_try(members, categories[tree.feature[node]])
    numeric = np.array([int(node) not in tree.members for node in inner])
    return _Splits(tree.feature[inner], tree.threshold[inner], parent[inner], from_left[inner], numeric, tries)


def _values_around(threshold: Matrix, rounded: bool) -> Matrix:
    """The threshold and its neighbours, in the precision in which the estimator sees a row.

    Where that is float32, the next float64 too: it rounds to where the threshold rounds to, whatever side that is, so
    one of the two tells a graph that forgets to round.
    """
    seen = threshold.astype(np.float32) if rounded else threshold
    tries = [threshold, np.nextafter(seen, -np.inf), np.nextafter(seen, np.inf)]
    return np.stack([*tries, np.nextafter(threshold, np.inf)][: 4 if rounded else 3], axis=1, dtype=np.float64)


def _categories_to_try(members: list[float], categories: Matrix) -> tuple[float, float, float]:
    """One that goes left, one that does not, and one that was never seen."""
    inside = {int(code) for code in members}
    outside = [value for code, value in enumerate(categories) if code not in inside and not np.isnan(value)]
    strange = float(np.nanmax(categories)) + 1
    return float(categories[max(inside)]), outside[0] if outside else strange, strange


def _concatenate(parts: list[_Splits]) -> _Splits:
    starts = np.cumsum([0, *(len(part.feature) for part in parts)])
    parents = [np.where(p.parent < 0, -1, p.parent + start) for p, start in zip(parts, starts[:-1], strict=True)]
    joined = {field.name: np.concatenate([getattr(p, field.name) for p in parts]) for field in fields(_Splits)}
    return _Splits(**{**joined, "parent": np.concatenate(parents)})


def _move_into_box(splits: _Splits, chosen: Integers, base: Matrix, columns: Integers, rounded: bool) -> Matrix:
    """The base rows, moved into the box that leads to the chosen nodes."""
    low, high = np.full(base.shape, -np.inf), np.full(base.shape, np.inf)
    rows, node = np.arange(len(chosen)), chosen
    while len(rows):
        parent, left = splits.parent[node], splits.from_left[node]
        inside = parent >= 0
        rows, node, left = rows[inside], parent[inside], left[inside]
        column, threshold, numeric = columns[splits.feature[node]], splits.threshold[node], splits.numeric[node]
        _narrow(high, np.minimum, rows, column, threshold, numeric & left)
        _narrow(low, np.maximum, rows, column, threshold, numeric & ~left)
    return _clip_to_box(base, low, high, rounded)


def _narrow(
    bound: Matrix, closer: np.ufunc, rows: Integers, column: Integers, threshold: Matrix, where: npt.NDArray[np.bool_]
) -> None:
    place = rows[where], column[where]
    bound[place] = closer(bound[place], threshold[where])


def _clip_to_box(base: Matrix, low: Matrix, high: Matrix, rounded: bool) -> Matrix:
    """Left is at most the threshold, right is above it: so the box is open below and closed above."""
    bottom, top = _first_above(low, rounded), _last_up_to(high, rounded)
    bounded = ~(np.isinf(low) & np.isinf(high))
    inside = np.where(np.isinf(high), bottom, top)
    filled = np.where(np.isnan(base) & bounded, inside, base)
    return np.minimum(np.maximum(filled, bottom), top)


def _first_above(bound: Matrix, rounded: bool) -> Matrix:
    seen = bound.astype(np.float32) if rounded else bound
    return np.where(np.isinf(bound) | (seen > bound), seen, np.nextafter(seen, np.inf)).astype(np.float64)


def _last_up_to(bound: Matrix, rounded: bool) -> Matrix:
    seen = bound.astype(np.float32) if rounded else bound
    return np.where(seen <= bound, seen, np.nextafter(seen, -np.inf)).astype(np.float64)


def _replace_values(base: Matrix, columns: Integers, values: Matrix) -> Matrix:
    rows = base.copy()
    rows[np.arange(len(rows)), columns] = values
    return rows
