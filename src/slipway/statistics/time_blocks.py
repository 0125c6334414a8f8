"""Number rows by their block of time (hour, day, week or month); rows of one block are not independent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from slipway.errors import DataError, SettingsError
from slipway.reporting.suggestions import did_you_mean
from slipway.statistics.sample import Integers

if TYPE_CHECKING:
    import pandas as pd

BLOCKS = ("row", "hour", "day", "week", "month")
_UNITS = {"hour": "h", "day": "D", "week": "D", "month": "M"}
MONDAY = 3
"""Offset of the weeks: day 0 of the calendar, 1 January 1970, was a Thursday, three days after a Monday."""


def blocks_of(time: pd.Series | None, block: str, rows: int) -> Integers:
    """Return the block number, from 0, of each row: calendar hour, day, week (from Monday) or month, or the row itself.

    Raises:
        SettingsError: the block is unknown, or it needs a time column and there is none.
        DataError: the time column has nulls or does not contain times.
    """
    if block == "row":
        return np.arange(rows)
    if block not in BLOCKS:
        hint = did_you_mean(block, BLOCKS, f"expected one of {', '.join(BLOCKS)}")
        raise SettingsError(f"unknown block '{block}'{hint}")
    if time is None:
        raise SettingsError(
            f"blocks by {block} require a time column; set data.time in slipway.toml, or use block 'row'"
        )
    return np.unique(calendar_of(time, block), return_inverse=True)[1].astype(np.int64)


def calendar_of(time: pd.Series, block: str) -> Integers:
    """Return the calendar number of each timestamp's block, which is the same in every table.

    Raises:
        DataError: the time column has nulls or does not contain times.
    """
    if not np.issubdtype(getattr(time.dtype, "base", np.dtype(object)), np.datetime64):
        raise DataError(f"time column '{time.name}': expected timestamps, got {time.dtype}")
    if time.isna().any():
        raise DataError(f"time column '{time.name}' is null in {int(time.isna().sum()):,} of {len(time):,} rows")
    return calendar_numbers(time.dt.tz_localize(None).to_numpy(), block)


def calendar_numbers(timestamps: npt.NDArray[np.datetime64], block: str) -> Integers:
    """Return the calendar numbers of an array of local times; otherwise like ``calendar_of``."""
    number: Integers = timestamps.astype(f"datetime64[{_UNITS[block]}]").astype(np.int64)
    return (number + MONDAY) // 7 if block == "week" else number


def first_days(numbers: Integers, block: str) -> npt.NDArray[np.datetime64]:
    """Return the first day of each calendar block."""
    units = numbers * 7 - MONDAY if block == "week" else numbers
    return units.astype(f"datetime64[{_UNITS[block]}]").astype("datetime64[D]")
