"""Small data with everything that hurts: nulls, few and many categories, whole numbers, classes out of order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from slipway.contract.schema import Column, Contract, Task, outputs_of
from slipway.tables.data_frame import inputs_of

INPUTS = (
    Column("distance", "double", nullable=True),
    Column("carrier", "string", nullable=True),
    Column("hour", "long"),
    Column("delay", "double", nullable=True),
    Column("origin", "string", values=("EWR", "JFK", "LGA")),
    Column("freight", "boolean", nullable=True),
    Column("seats", "long", nullable=True),
)
CLASSES = {2: ("on time", "late"), 3: ("late", "on time", "early")}


Packaged = Callable[..., Path]
"""Runs the step `package` on a fitted model; returns the model directory."""


def contract_for(classes: int) -> Contract:
    """A contract with so many classes, or a regression for none."""
    task: Task = "classification" if classes else "regression"
    labels = CLASSES.get(classes, ())
    return Contract("flights", task, INPUTS, outputs_of(task, labels), labels)


def rows(count: int = 400, seed: int = 0) -> pd.DataFrame:
    """Rows with a column ``y2``, ``y3`` or ``y0`` to learn for two classes, three or a regression."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "distance": _holed(rng.lognormal(6, 1, count), rng),
            "carrier": pd.Series(
                _holed(np.array(["AA", "B6", "DL", "UA", "é"], object)[rng.integers(0, 5, count)], rng)
            ),
            "hour": rng.integers(5, 23, count),
            "delay": _holed(np.round(rng.normal(size=count), 1), rng),
            "origin": np.array(["EWR", "JFK", "LGA"], object)[rng.integers(0, 3, count)],
            "freight": pd.Series(_holed(rng.random(count) < 0.3, rng), dtype=object),
            "seats": _holed(rng.integers(20, 300, count), rng),
        }
    )
    score = frame.delay.fillna(1).to_numpy() + (frame.carrier == "AA") + frame.hour / 10 + rng.normal(size=count) / 3
    frame["y2"] = np.where(score > np.median(score), "late", "on time")
    frame["y3"] = np.array(["early", "on time", "late"])[np.digitize(score, np.quantile(score, [0.3, 0.7]))]
    frame["y0"] = np.exp(score)
    return frame


def _holed(values: Any, rng: np.random.Generator) -> Any:
    holed = np.array(values, dtype=object if values.dtype.kind in "Ob" else np.float64)
    holed[rng.random(len(holed)) < 0.1] = None if holed.dtype == object else np.nan
    return holed


def fitted(steps: Any, estimator: Any, classes: int) -> Pipeline:
    """A pipeline fitted on the rows as the train component does it."""
    frame = rows()
    pipeline = Pipeline([("preprocess", steps), ("model", estimator)])
    return pipeline.fit(inputs_of(frame, contract_for(classes)), frame[f"y{classes}"])
