"""Rows that are not independent of one another, numbered by the block of time that they share."""

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
"""Day 0 of the calendar, 1 January 1970, was a Thursday."""


def blocks_of(time: pd.Series | None, block: str, rows: int) -> Integers:
    """Number the block of each of ``rows`` rows from 0: its calendar hour, day, week (from Monday) or month, or itself.

    Raises:
        SettingsError: an unknown block, or one that needs a time column where there is none.
        DataError: the time column has nulls or holds no times.
    """
    if block == "row":
        return np.arange(rows)
    if block not in BLOCKS:
        hint = did_you_mean(block, BLOCKS, f"it is one of {', '.join(BLOCKS)}")
        raise SettingsError(f"unknown block '{block}'{hint}")
    if time is None:
        raise SettingsError(f"blocks by {block} need a time column; name one in slipway.toml or use block 'row'")
    return np.unique(calendar_of(time, block), return_inverse=True)[1].astype(np.int64)


def calendar_of(time: pd.Series, block: str) -> Integers:
    """The number of each moment's block in the calendar, which is the same in every table.

    Raises:
        DataError: the time column has nulls or holds no times.
    """
    if not np.issubdtype(getattr(time.dtype, "base", np.dtype(object)), np.datetime64):
        raise DataError(f"time column '{time.name}' must hold times but holds {time.dtype}")
    if time.isna().any():
        raise DataError(f"time column '{time.name}' is null in {int(time.isna().sum()):,} of {len(time):,} rows")
    return calendar_numbers(time.dt.tz_localize(None).to_numpy(), block)


def calendar_numbers(moments: npt.NDArray[np.datetime64], block: str) -> Integers:
    """The same of an array of local times."""
    number: Integers = moments.astype(f"datetime64[{_UNITS[block]}]").astype(np.int64)
    return (number + MONDAY) // 7 if block == "week" else number


def first_days(numbers: Integers, block: str) -> npt.NDArray[np.datetime64]:
    """The days on which blocks of the calendar begin."""
    units = numbers * 7 - MONDAY if block == "week" else numbers
    return units.astype(f"datetime64[{_UNITS[block]}]").astype("datetime64[D]")
