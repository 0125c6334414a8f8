"""Rows with predictions for each task, as metrics and their intervals take them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from slipway.contract.schema import Contract, outputs_of

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.object_]


def contract_of(*classes: str) -> Contract:
    if classes:
        return Contract("try", "classification", (), outputs_of("classification", classes), classes)
    return Contract("try", "regression", (), outputs_of("regression", ()))


BINARY = contract_of("on time", "late")
COLOURS = contract_of("red", "green", "blue")
NUMBER = contract_of()


def binary_rows(rows: int = 600, seed: int = 0) -> tuple[Labels, Array]:
    """Labels and scores with many ties: only twenty different probabilities."""
    generator = np.random.default_rng(seed)
    late = np.round(generator.random(rows) * 20) / 20
    truth = np.where(generator.random(rows) < 0.2 + late / 2, "late", "on time").astype(object)
    return truth, np.column_stack([1 - late, late])


def colour_rows(rows: int = 600) -> tuple[Labels, Array]:
    generator = np.random.default_rng(1)
    raw = np.round(generator.random((rows, 3)), 1) + 0.05
    chosen = (raw + generator.random((rows, 3))).argmax(axis=1)
    return np.array(COLOURS.classes, object)[chosen], raw / raw.sum(axis=1, keepdims=True)


def number_rows(rows: int = 601) -> tuple[Array, Array]:
    generator = np.random.default_rng(2)
    truth = 1e6 + generator.normal(size=rows)
    return truth, truth + np.round(generator.normal(size=rows) / 2, 1)


def weights_for(rows: int) -> Array:
    return np.random.default_rng(3).integers(0, 4, rows).astype(np.float64)


def stormy_rows(days: int = 30, each: int = 100) -> tuple[Labels, Array, npt.NDArray[np.int64]]:
    """Whole days on which everything is late, whatever the model says."""
    generator = np.random.default_rng(4)
    day = np.repeat(np.arange(days), each)
    storm = generator.random(days)[day] < 0.3
    late = generator.random(days * each)
    truth = np.where(storm | (generator.random(days * each) < late / 2), "late", "on time").astype(object)
    return truth, np.column_stack([1 - late, late]), day
