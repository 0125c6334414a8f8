"""New York's flights of 2013: will one arrive more than 15 minutes late, from what is known before it leaves?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

LATE_MINUTES = 15
PLAN = ["year", "month", "day", "sched_dep_time", "sched_arr_time", "carrier", "flight", "tailnum", "origin", "dest",
        "distance", "time_hour"]  # fmt: skip
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]


def features(files: Mapping[str, Path]) -> pd.DataFrame:
    """One row for each flight that arrived: what was known before it left, and whether it was late.

    Cancelled and diverted flights have no arrival delay and are left out.
    """
    delay = pd.read_csv(files["flights"], engine="pyarrow", usecols=["arr_delay"])["arr_delay"]
    late = (delay > LATE_MINUTES).map({True: "late", False: "on_time"})
    return inputs(files).assign(late=late)[delay.notna()]


def inputs(files: Mapping[str, Path]) -> pd.DataFrame:
    """What is known of each flight before it leaves, in the order of the file: its plan, weather and plane.

    The weather is that of the scheduled hour at the airport of departure. Batch scoring starts from here too.
    """
    flights = pd.read_csv(files["flights"], engine="pyarrow", usecols=PLAN)
    weather = pd.read_csv(files["weather"], engine="pyarrow", usecols=["origin", "time_hour", *WEATHER])
    planes = pd.read_csv(files["planes"], usecols=["tailnum", "year", "manufacturer", "seats"])
    planes = planes.rename(columns={"year": "plane_year"}).drop_duplicates("tailnum")
    rows = flights.merge(weather.drop_duplicates(["origin", "time_hour"]), how="left", on=["origin", "time_hour"])
    return _add_time_columns(rows.merge(planes, how="left", on="tailnum"))


def _add_time_columns(rows: pd.DataFrame) -> pd.DataFrame:
    """Local scheduled time, weekday, and planned minutes of the day."""
    day = pd.to_datetime(rows[["year", "month", "day"]])
    departure, arrival = _minutes(rows["sched_dep_time"]), _minutes(rows["sched_arr_time"])
    return rows.assign(
        time=day + pd.to_timedelta(departure, unit="min"),
        weekday=day.dt.day_of_week,
        departure_minute=departure,
        arrival_minute=arrival,
    ).drop(columns=["year", "month", "day", "time_hour", "sched_dep_time", "sched_arr_time"])


def _minutes(clock: pd.Series) -> pd.Series:
    """Minutes since midnight of a clock time written as hour * 100 + minute."""
    return clock // 100 * 60 + clock % 100
