"""Rows are numbered by the block of the calendar that they share."""

from __future__ import annotations

import pandas as pd
import pytest

from slipway.errors import DataError, SettingsError
from slipway.statistics.time_blocks import blocks_of

TIMES = pd.Series(pd.to_datetime(["2013-01-01 05:10", "2013-01-06 23:59", "2013-01-07 00:00", "2014-01-01 05:20"]))


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("hour", [0, 1, 2, 3]),
        ("day", [0, 1, 2, 3]),
        ("week", [0, 0, 1, 2]),
        ("month", [0, 0, 0, 1]),
        ("row", [0, 1, 2, 3]),
    ],
)
@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_blocks_follow_the_calendar_and_weeks_begin_on_monday(
    block: str, expected: list[int], zone: str | None
) -> None:
    times = TIMES if zone is None else TIMES.dt.tz_localize(zone)
    assert blocks_of(times, block, 4).tolist() == expected


def test_rows_need_no_time() -> None:
    assert blocks_of(None, "row", 3).tolist() == [0, 1, 2]


def test_an_unknown_block_is_named_with_what_was_meant() -> None:
    with pytest.raises(SettingsError, match="unknown block 'days'; did you mean 'day'?"):
        blocks_of(TIMES, "days", 4)


def test_blocks_by_day_without_a_time_column_are_refused() -> None:
    with pytest.raises(SettingsError, match="blocks by day require a time column"):
        blocks_of(None, "day", 4)


def test_a_time_column_of_text_or_with_nulls_is_refused() -> None:
    with pytest.raises(DataError, match="'when': expected timestamps, got"):
        blocks_of(pd.Series(["2013-01-01"], name="when"), "day", 1)
    with pytest.raises(DataError, match="'when' is null in 1 of 4 rows"):
        blocks_of(TIMES.where(TIMES.index > 0).rename("when"), "day", 4)
