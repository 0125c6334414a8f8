"""Parcels and their depots: a classification along a calendar, made up so that its truth is known."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

CLOCK_MENDED = pd.Timestamp("2024-03-01")
BROKEN_CLOCK = "south"
"""The depot whose arrivals were written down at random until its clock was mended."""


def features(files: Mapping[str, Path]) -> pd.DataFrame:
    frame = pd.read_csv(files["parcels"], parse_dates=["time"])
    random = (frame.depot == BROKEN_CLOCK) & (frame.time < CLOCK_MENDED)
    frame.loc[random, "arrival"] = frame.arrival[random].sample(frac=1, random_state=0).to_numpy()
    return frame
