"""What ingest asks of the table that a team's function returns, before it is stored."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

import pandas as pd
from pandas.api import types

from slipway.errors import DataError, SettingsError
from slipway.reporting.suggestions import closest_match
from slipway.tables.data_frame import format_rows


def require_columns(frame: pd.DataFrame, needed: Iterable[str]) -> None:
    """Refuse a table without rows, without a needed column, or in which a name or a column means two things.

    Raises:
        DataError: names the columns.
    """
    names = [str(name) for name in frame.columns]
    missing = [name for name in needed if name not in names]
    if missing:
        raise DataError(f"the data has no column {', '.join(map(repr, missing))}{_hint(missing, names)}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"the data has {names.count(twice[0])} columns named '{twice[0]}'; which one is meant?")
    if frame.empty:
        raise DataError("the data has no rows")
    for name in frame.columns:
        _refuse_mixed(frame[name])


def parse_times(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The table with its time column as times: ISO 8601 texts are read, anything else is refused.

    Raises:
        DataError: some values are no times; counts them and shows the first.
    """
    given = frame[name]
    if types.is_datetime64_any_dtype(given.dtype):
        return frame
    if not (types.is_string_dtype(given.dtype) or types.infer_dtype(given, skipna=True) in ("date", "datetime")):
        raise DataError(f"time column '{name}' holds {given.dtype}, which may mean anything; make it times in ingest")
    read = pd.to_datetime(given, format="ISO8601", errors="coerce")
    wrong = read.isna() & given.notna()
    if wrong.any():
        raise DataError(
            f"time column '{name}' has {int(wrong.sum()):,} of {len(given):,} values that are no ISO 8601 times: "
            f"{format_rows(given, wrong)}"
        )
    return frame.assign(**{name: read})


def rows_through(frame: pd.DataFrame, time: str, through: datetime.date) -> pd.DataFrame:
    """The rows to the end of the day ``through``, in the order of their time.

    Raises:
        DataError: no row is left, or the data does not reach that day.
        SettingsError: there is no time column to go by.
    """
    if not time:
        raise SettingsError("data.through needs data.time, the column that holds a row's moment")
    moments = frame[time]
    start = pd.Timestamp(through, tz=moments.dt.tz)
    # A row without a time is kept, so that it is refused in validate and not lost here.
    kept = frame[~(moments >= start + pd.Timedelta(days=1))]
    if kept.empty:
        raise DataError(f"no row is left up to {through}: the first of {len(frame):,} rows is of {moments.min()}")
    if moments.max() < start:
        raise DataError(
            f"data.through is {through}, but the last of {len(frame):,} rows is of {moments.max()}: "
            "a pin names no day that the data does not reach"
        )
    return kept.sort_values(time, kind="stable").reset_index(drop=True)


def _refuse_mixed(values: pd.Series) -> None:
    """Text among numbers and the like: it cannot be stored, and what it should be nobody can know."""
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
