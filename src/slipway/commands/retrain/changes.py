"""What new data changes: rows, dates, and for each column how far the rows that came are from those before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd

from slipway.settings.settings import Settings
from slipway.tables.data_frame import read_parquet

_MAX_SHIFTS = 8


class Span(msgspec.Struct, frozen=True):
    """How many rows, and the moments of the first and the last one where rows have one."""

    rows: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Shift:
    """A column, and the largest difference in the share of rows between the new and the old: 0 is none, 1 is all."""

    column: str
    effect: float


class Changes(msgspec.Struct, frozen=True):
    """The data before and after, how many rows came, and how far these are from those before, the furthest first."""

    before: Span
    after: Span
    came: int
    shifts: tuple[Shift, ...]


def compare(before: Path, after: Path, settings: Settings) -> Changes:
    """Compare two ``data.parquet``; along a calendar the rows after the earlier last day are those that came."""
    old, new, time = read_parquet(before), read_parquet(after), settings.data.time
    came = new[new[time] > old[time].max()] if time else new
    compared = came if len(came) else new
    names = [name for name in (*settings.features, settings.data.target) if name in old and name in new]
    shifts = [Shift(name, round(distribution_distance(old[name], compared[name]), 4)) for name in names]
    ordered = sorted(shifts, key=lambda one: -one.effect)
    return Changes(_span(old, time), _span(new, time), len(came), tuple(ordered))


def distribution_distance(before: pd.Series, after: pd.Series) -> float:
    """The Kolmogorov-Smirnov distance of numbers, the total variation distance of anything else; null is a value.

    Both are the largest difference in the share of rows: over all bounds of a number, over all sets of other values.
    """
    if not pd.api.types.is_numeric_dtype(before.dtype) or not pd.api.types.is_numeric_dtype(after.dtype):
        shares = [rows.astype(str).value_counts(normalize=True) for rows in (before, after)]
        return float(shares[0].sub(shares[1], fill_value=0).abs().sum() / 2)
    # A null counts as less than any number.
    old, new = (np.sort(rows.astype(np.float64).fillna(-np.inf).to_numpy()) for rows in (before, after))
    bounds = np.unique(np.concatenate([old, new]))
    below = [np.searchsorted(rows, bounds, side="right") / max(len(rows), 1) for rows in (old, new)]
    return float(np.abs(below[0] - below[1]).max())


def change_lines(changes: Changes) -> Iterator[str]:
    """The changes for people."""
    before, after = changes.before, changes.after
    yield f"rows      {before.rows:,} -> {after.rows:,}, of which {changes.came:,} came"
    if after.first:
        yield f"dates     {before.first} to {before.last} -> {after.first} to {after.last}"
    yield "shift     of the rows that came against those before: 0 is none, 1 is all rows"
    yield from (f"          {one.column:<22}{one.effect:.3f}" for one in changes.shifts[:_MAX_SHIFTS])
    if more := changes.shifts[_MAX_SHIFTS:]:
        yield f"          and {len(more)} more, each at most {more[0].effect:.3f}"


def _span(rows: pd.DataFrame, time: str) -> Span:
    moments = (rows[time].min(), rows[time].max()) if time else ("", "")
    return Span(len(rows), *(str(moment) for moment in moments))
