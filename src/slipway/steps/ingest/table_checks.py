"""Check the table that a project's function returns, before it is stored."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

import pandas as pd
from pandas.api import types

from slipway.errors import DataError, SettingsError
from slipway.reporting.suggestions import closest_match
from slipway.tables.data_frame import format_rows


def require_columns(frame: pd.DataFrame, needed: Iterable[str]) -> None:
    """Refuse a table without rows, without a needed column, with a duplicate name or with a column of mixed types.

    Raises:
        DataError: the table has one of these problems; the message names the columns.
    """
    names = [str(name) for name in frame.columns]
    missing = [name for name in needed if name not in names]
    if missing:
        raise DataError(f"the data has no column {', '.join(map(repr, missing))}{_hint(missing, names)}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(
            f"the data has {names.count(twice[0])} columns named '{twice[0]}'; rename or drop all except one"
        )
    if frame.empty:
        raise DataError("the data has no rows")
    for name in frame.columns:
        _refuse_mixed(frame[name])


def parse_times(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the table with its time column parsed: ISO 8601 text is parsed, anything else except timestamps is refused.

    Raises:
        DataError: some values are not times; the message counts them and shows the first.
    """
    values = frame[name]
    if types.is_datetime64_any_dtype(values.dtype):
        return frame
    if not (types.is_string_dtype(values.dtype) or types.infer_dtype(values, skipna=True) in ("date", "datetime")):
        # A number could be seconds, milliseconds or a year: guessing would give wrong times without an error.
        raise DataError(
            f"time column '{name}' has type {values.dtype}, which is ambiguous; convert it to times in ingest"
        )
    times = pd.to_datetime(values, format="ISO8601", errors="coerce")
    invalid = times.isna() & values.notna()
    if invalid.any():
        raise DataError(
            f"time column '{name}' has {int(invalid.sum()):,} of {len(values):,} values that are not ISO 8601 times: "
            f"{format_rows(values, invalid)}"
        )
    return frame.assign(**{name: times})


def rows_through(frame: pd.DataFrame, time: str, through: datetime.date) -> pd.DataFrame:
    """Return the rows up to the end of the day ``through``, sorted by time.

    Raises:
        DataError: no row is left, or the data ends before that day.
        SettingsError: there is no time column.
    """
    if not time:
        raise SettingsError("data.through needs data.time, the column with each row's timestamp")
    times = frame[time]
    start = pd.Timestamp(through, tz=times.dt.tz)
    # A row without a time is kept, so that validate refuses it, instead of losing it silently here.
    kept = frame[~(times >= start + pd.Timedelta(days=1))]
    if kept.empty:
        raise DataError(f"no row is left up to {through}: the first of {len(frame):,} rows is from {times.min()}")
    if times.max() < start:
        raise DataError(
            f"data.through is {through}, but the last of {len(frame):,} rows is from {times.max()}: "
            f"set data.through to {times.max().date()} or earlier"
        )
    return kept.sort_values(time, kind="stable").reset_index(drop=True)


def _refuse_mixed(values: pd.Series) -> None:
    """Refuse a column that mixes types, such as text and numbers: Parquet cannot store it, and the type is ambiguous."""
    if values.dtype != object or not types.infer_dtype(values, skipna=True).startswith("mixed"):
        return
    kinds = values.dropna().map(lambda value: type(value).__name__)
    counts = kinds.value_counts()
    if set(counts.index) <= {"int", "float", "bool"}:
        return
    rare = (kinds == counts.index[-1]).reindex(values.index, fill_value=False)
    found = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
    raise DataError(f"column '{values.name}' mixes types ({found}): {format_rows(values, rare)}")


def _hint(missing: list[str], names: list[str]) -> str:
    meant = closest_match(missing[0], names)
    return (f" (did you mean '{meant}'?)" if meant else "") + f"; it has {', '.join(names)}"
