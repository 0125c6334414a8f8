"""Compare new training data with the earlier data: rows, dates, and the shift of each column."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd

from slipway.settings.settings import Settings
from slipway.tables.data_frame import read_parquet

_MAX_SHIFTS = 8


class Span(msgspec.Struct, frozen=True):
    """The number of rows, and the timestamps of the first and the last row if there is a time column."""

    rows: int
    first: str
    last: str


# An array in the JSON of `retrain --json`, as scripts read it: [column, effect].
class Shift(msgspec.Struct, frozen=True, array_like=True):
    """A column and its shift: the largest difference in the share of rows (0 = identical, 1 = completely different)."""

    column: str
    effect: float


class Changes(msgspec.Struct, frozen=True):
    """The data before and after, the number of new rows, and the shifts, the largest first.

    The JSON of `retrain --json` calls the new rows ``came``.
    """

    before: Span
    after: Span
    new_rows: int = msgspec.field(name="came")
    shifts: tuple[Shift, ...]


def compare(before: Path, after: Path, settings: Settings) -> Changes:
    """Compare two ``data.parquet`` files; with a time column, the rows after the earlier last timestamp are the new ones."""
    old, new, time = read_parquet(before), read_parquet(after), settings.data.time
    added = new[new[time] > old[time].max()] if time else new
    compared = added if len(added) else new
    names = [name for name in (*settings.features, settings.data.target) if name in old and name in new]
    shifts = [Shift(name, round(distribution_distance(old[name], compared[name]), 4)) for name in names]
    ordered = sorted(shifts, key=lambda shift: -shift.effect)
    return Changes(_span(old, time), _span(new, time), len(added), tuple(ordered))


def distribution_distance(before: pd.Series, after: pd.Series) -> float:
    """Return the Kolmogorov-Smirnov distance for numbers and the total variation distance for other values.

    Both are the largest difference in the share of rows: over all thresholds, or over all sets of values. A null is a
    value like any other.
    """
    if not pd.api.types.is_numeric_dtype(before.dtype) or not pd.api.types.is_numeric_dtype(after.dtype):
        shares = [rows.astype(str).value_counts(normalize=True) for rows in (before, after)]
        return float(shares[0].sub(shares[1], fill_value=0).abs().sum() / 2)
    # A null sorts below every number, so that more nulls are a shift too.
    old, new = (np.sort(rows.astype(np.float64).fillna(-np.inf).to_numpy()) for rows in (before, after))
    bounds = np.unique(np.concatenate([old, new]))
    below = [np.searchsorted(rows, bounds, side="right") / max(len(rows), 1) for rows in (old, new)]
    return float(np.abs(below[0] - below[1]).max())


def change_lines(changes: Changes) -> Iterator[str]:
    """Yield the changes as lines of text for people."""
    before, after = changes.before, changes.after
    yield f"rows      {before.rows:,} -> {after.rows:,} ({changes.new_rows:,} new)"
    if after.first:
        yield f"dates     {before.first} to {before.last} -> {after.first} to {after.last}"
    yield "shift     new rows compared with existing ones (0 = identical, 1 = completely different)"
    yield from (f"          {shift.column:<22}{shift.effect:.3f}" for shift in changes.shifts[:_MAX_SHIFTS])
    if more := changes.shifts[_MAX_SHIFTS:]:
        yield f"          and {len(more)} more, each at most {more[0].effect:.3f}"


def _span(rows: pd.DataFrame, time: str) -> Span:
    limits = (rows[time].min(), rows[time].max()) if time else ("", "")
    return Span(len(rows), *(str(limit) for limit in limits))
