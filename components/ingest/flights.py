"""New York's flights of 2013: will one arrive more than 15 minutes late, from what is known before it leaves?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

LATE_MINUTES = 15
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]


def features(files: Mapping[str, Path]) -> pd.DataFrame:
    """One row for each flight that arrived: its plan, the weather at its airport and its plane.

    Cancelled and diverted flights have no arrival delay and are left out. The weather is that of the scheduled hour.
    """
    flights = pd.read_csv(
        files["flights"],
        engine="pyarrow",
        usecols=["month", "day", "sched_dep_time", "sched_arr_time", "arr_delay", "carrier", "flight", "tailnum",
                 "origin", "dest", "distance", "hour", "minute", "time_hour"],
    )  # fmt: skip
    flights = flights[flights["arr_delay"].notna()]
    weather = pd.read_csv(files["weather"], engine="pyarrow", usecols=["origin", "time_hour", *WEATHER])
    planes = pd.read_csv(files["planes"], usecols=["tailnum", "year", "manufacturer", "seats"])
    rows = flights.merge(weather.drop_duplicates(["origin", "time_hour"]), how="left", on=["origin", "time_hour"])
    rows = rows.merge(planes.rename(columns={"year": "plane_year"}), how="left", on="tailnum")
    return _derived(rows).drop(columns=["arr_delay", "time_hour", "day"])


def _derived(rows: pd.DataFrame) -> pd.DataFrame:
    """Local scheduled time, weekday, planned minutes of the day, and the label."""
    day = pd.to_datetime({"year": 2013, "month": rows["month"], "day": rows["day"]})
    return rows.assign(
        time=day + pd.to_timedelta(rows["hour"] * 60 + rows["minute"], unit="min"),
        weekday=day.dt.dayofweek,
        departure_minute=_minutes(rows["sched_dep_time"]),
        arrival_minute=_minutes(rows["sched_arr_time"]),
        late=(rows["arr_delay"] > LATE_MINUTES).map({True: "late", False: "on_time"}),
    )


def _minutes(clock: pd.Series) -> pd.Series:
    """Minutes since midnight of a clock time written as hour * 100 + minute."""
    return clock // 100 * 60 + clock % 100
