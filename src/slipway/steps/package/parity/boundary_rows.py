"""Build boundary rows: for every split of a tree, rows that reach it with values at, just below and just above it.

A random row rarely reaches a deep node, so each row is moved into the box that the splits above the node allow.
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
    """Rows of the estimator's matrix, the number of splits, and how many of them the rows test."""

    rows: Matrix
    splits: int
    splits_tested: int


@dataclass(frozen=True)
class _Splits:
    """The inner nodes of trees. ``parent`` is -1 for a root; ``probe_values`` [splits, values] are the values to test."""

    feature: Integers
    threshold: Matrix
    parent: Integers
    from_left: npt.NDArray[np.bool_]
    numeric: npt.NDArray[np.bool_]
    probe_values: Matrix


def build_boundary_rows(estimator: Any, matrix: Matrix, rng: np.random.Generator) -> BoundaryRows | None:
    """Build rows for every split, or for a random sample of splits in a very large model; return None without trees."""
    rounded = has_float32_inputs(estimator)
    trees = [tree for tree in trees_of(estimator) if not tree.leaf[0]]
    if not trees or not len(matrix):
        return None
    splits = _concatenate([_tree_splits(tree, category_values(estimator), rounded) for tree in trees])
    total, columns = len(splits.feature), feature_columns(estimator, matrix.shape[1])
    limit = max(1, min(MAX_SPLITS, MAX_CELLS // matrix.shape[1]))
    chosen = np.arange(total) if total <= limit else np.sort(rng.choice(total, limit, replace=False))
    base = _move_into_box(splits, chosen, matrix[rng.integers(0, len(matrix), len(chosen))], columns, rounded)
    missing = [np.full(len(chosen), np.nan)] if estimator.__sklearn_tags__().input_tags.allow_nan else []
    rows = np.concatenate(
        [_replace_values(base, columns[splits.feature[chosen]], v) for v in [*splits.probe_values[chosen].T, *missing]]
    )
    return BoundaryRows(rows[~np.isinf(rows).any(axis=1)] if rounded else rows, total, len(chosen))


def _tree_splits(tree: Tree, categories: list[Matrix], rounded: bool) -> _Splits:
    inner = np.flatnonzero(~tree.leaf)
    position = np.cumsum(~tree.leaf) - 1
    parent = np.full(len(tree.leaf), -1)
    parent[tree.left[inner]] = parent[tree.right[inner]] = position[inner]
    from_left = np.zeros(len(tree.leaf), dtype=bool)
    from_left[tree.left[inner]] = True
    values = _values_around(tree.threshold[inner], rounded)
    for node, members in tree.members.items():
        values[position[node]] = _categories_to_try(members, categories[tree.feature[node]])
    numeric = np.array([int(node) not in tree.members for node in inner])
    return _Splits(tree.feature[inner], tree.threshold[inner], parent[inner], from_left[inner], numeric, values)


def _values_around(threshold: Matrix, rounded: bool) -> Matrix:
    """Return the threshold and its neighbors, in the precision that the estimator uses for a row.

    For float32, also return the next float64: it rounds to the same number as the threshold, on either side of it, so one
    of the two detects a graph that does not round.
    """
    seen = threshold.astype(np.float32) if rounded else threshold
    values = [threshold, np.nextafter(seen, -np.inf), np.nextafter(seen, np.inf)]
    return np.stack([*values, np.nextafter(threshold, np.inf)][: 4 if rounded else 3], axis=1, dtype=np.float64)


def _categories_to_try(members: list[float], categories: Matrix) -> tuple[float, float, float]:
    """Return a category that goes left, one that goes right, and one that training never saw."""
    inside = {int(code) for code in members}
    outside = [value for code, value in enumerate(categories) if code not in inside and not np.isnan(value)]
    unseen = float(np.nanmax(categories)) + 1
    return float(categories[max(inside)]), outside[0] if outside else unseen, unseen


def _concatenate(parts: list[_Splits]) -> _Splits:
    starts = np.cumsum([0, *(len(part.feature) for part in parts)])
    parents = [np.where(p.parent < 0, -1, p.parent + start) for p, start in zip(parts, starts[:-1], strict=True)]
    joined = {field.name: np.concatenate([getattr(p, field.name) for p in parts]) for field in fields(_Splits)}
    return _Splits(**{**joined, "parent": np.concatenate(parents)})


def _move_into_box(splits: _Splits, chosen: Integers, base: Matrix, columns: Integers, rounded: bool) -> Matrix:
    """Move the base rows into the boxes that lead to the chosen nodes."""
    low, high = np.full(base.shape, -np.inf), np.full(base.shape, np.inf)
    rows, node = np.arange(len(chosen)), chosen
    # Climb from all nodes to their roots at once, one level in each round.
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
    cells = rows[where], column[where]
    bound[cells] = closer(bound[cells], threshold[where])


def _clip_to_box(base: Matrix, low: Matrix, high: Matrix, rounded: bool) -> Matrix:
    """Clip the rows to their boxes; left is at most the threshold and right is above it, so a box excludes ``low`` only."""
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
