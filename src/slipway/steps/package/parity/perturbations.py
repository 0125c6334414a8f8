"""Build rows that the holdout might not have: nulls, missing or unseen categories, and numbers of any size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from slipway.contract.schema import Column, Contract

SIZES = (0.0, 5e-324, 2.3e-308, 1e-30, 0.5, 1.0, 2.0**24 + 1, 1e9, 2.0**53 - 1, 1e15, 1e30, 1e38, 1e39, 1.7e308)
"""Zero, subnormal, tiny, beyond the exact integers of float32 and float64, and at the limits of float32 and float64."""
FEW_VALUES, MOST_CATEGORIES = 300, 20_000
UNSEEN_CATEGORIES = ("a category that training never saw", "")
PERTURBED_SHARE = 0.15


def add_nulls(frame: pd.DataFrame, contract: Contract, rng: np.random.Generator) -> pd.DataFrame:
    """Return a copy with random nulls in every nullable column; in the first row all of them are null."""
    return _scatter(frame, [c for c in contract.inputs if c.nullable], rng, nulls=True)


def add_unseen_categories(frame: pd.DataFrame, contract: Contract, rng: np.random.Generator) -> pd.DataFrame:
    """Return a copy with random unseen categories in every string column; in the first row all of them are unseen."""
    return _scatter(frame, [c for c in contract.inputs if c.type == "string"], rng, nulls=False)


def rows_with_each_category(frame: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Return training rows that contain each string, and each number of a column with few different numbers."""
    rows = pd.Index([])
    for column in contract.inputs:
        values = frame[column.name].drop_duplicates()
        if column.type == "string" or len(values) <= FEW_VALUES:
            rows = rows.union(values.index[:MOST_CATEGORIES])
    return frame.loc[rows]


def rows_with_extremes(
    frame: pd.DataFrame, contract: Contract, rng: np.random.Generator, largest: float
) -> pd.DataFrame:
    """Return rows with each of ``SIZES``, of both signs, in each column of numbers, if the column's type allows it."""
    sizes = np.array([sign * size for size in SIZES if size <= largest for sign in (1, -1)])
    parts = []
    for column in contract.inputs:
        if column.type in ("double", "long"):
            integers = sizes[(sizes % 1 == 0) & (np.abs(sizes) < 2**53)]
            values = sizes if column.type == "double" else integers
            rows = frame.iloc[rng.integers(0, len(frame), len(values))]
            parts.append(rows.assign(**{column.name: values}))
    return pd.concat(parts, ignore_index=True) if parts and len(frame) else frame[:0]


def _scatter(frame: pd.DataFrame, columns: list[Column], rng: np.random.Generator, *, nulls: bool) -> pd.DataFrame:
    copy = frame.reset_index(drop=True)
    for position, column in enumerate(columns):
        hit = _random_mask(len(copy), position, rng)
        values = copy[column.name].to_numpy(copy=True)
        values[hit] = (
            _null_value(column) if nulls else rng.choice(np.array(UNSEEN_CATEGORIES, dtype=object), size=int(hit.sum()))
        )
        copy[column.name] = pd.Series(values, dtype=values.dtype)
    return copy


def _random_mask(rows: int, position: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    hit = rng.random(rows) < PERTURBED_SHARE
    if rows:
        hit[0] = hit[(position + 1) % rows] = True
    return hit


def _null_value(column: Column) -> float | None:
    return None if column.type == "string" else np.nan
