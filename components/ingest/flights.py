"""Build the rows of the example from New York's flights of 2013: will a flight arrive more than 15 minutes late?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

LATE_MINUTES = 15
PLAN = ["year", "month", "day", "sched_dep_time", "sched_arr_time", "carrier", "flight", "tailnum", "origin", "dest",
        "distance", "time_hour"]  # fmt: skip
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]


def features(files: Mapping[str, Path]) -> pd.DataFrame:
    """One row per flight that arrived: the inputs known before departure, and the label ``late``.

    Cancelled and diverted flights have no arrival delay and are left out.
    """
    delay = pd.read_csv(files["flights"], engine="pyarrow", usecols=["arr_delay"])["arr_delay"]
    late = (delay > LATE_MINUTES).map({True: "late", False: "on_time"})
    return inputs(files).assign(late=late)[delay.notna()]


def inputs(files: Mapping[str, Path]) -> pd.DataFrame:
    """The inputs known before departure, one row per flight in the order of the file: schedule, weather and plane.

    The weather is that of the scheduled hour at the airport of departure. Batch scoring uses this function too.
    """
    flights = pd.read_csv(files["flights"], engine="pyarrow", usecols=PLAN)
    weather = pd.read_csv(files["weather"], engine="pyarrow", usecols=["origin", "time_hour", *WEATHER])
    planes = pd.read_csv(files["planes"], usecols=["tailnum", "year", "manufacturer", "seats"])
    planes = planes.rename(columns={"year": "plane_year"}).drop_duplicates("tailnum")
    rows = flights.merge(weather.drop_duplicates(["origin", "time_hour"]), how="left", on=["origin", "time_hour"])
    return _add_time_columns(rows.merge(planes, how="left", on="tailnum"))


def _add_time_columns(rows: pd.DataFrame) -> pd.DataFrame:
    """Replace the date columns by local scheduled time, weekday, and scheduled minutes of the day."""
    day = pd.to_datetime(rows[["year", "month", "day"]])
    departure, arrival = _minutes(rows["sched_dep_time"]), _minutes(rows["sched_arr_time"])
    return rows.assign(
        time=day + pd.to_timedelta(departure, unit="min"),
        weekday=day.dt.day_of_week,
        departure_minute=departure,
        arrival_minute=arrival,
    ).drop(columns=["year", "month", "day", "time_hour", "sched_dep_time", "sched_arr_time"])


def _minutes(clock: pd.Series) -> pd.Series:
    """Convert a clock time written as hour * 100 + minute to minutes since midnight."""
    return clock // 100 * 60 + clock % 100
