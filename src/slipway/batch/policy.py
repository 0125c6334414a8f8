"""Which datasets may be published: how many rows may break the contract, and which predictions are odd.

Odd are null ones, one and the same for all rows, and those far from what the release predicted for the holdout.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from slipway.errors import SettingsError
from slipway.statistics.divergence import Counts, stability_index
from slipway.statistics.reference import ColumnProfile, Reference

OnAnomaly = Literal["warn", "fail"]
_LIMIT = re.compile(r"(?P<number>\d+(\.\d+)?)(?P<percent>%)?")
_ROWS_TO_VARY = 20
"""Fewer rows may well have one and the same prediction."""
LARGE_SHIFT = 0.25
"""The stability index of what is called a large shift."""
MIN_ROWS = 100
"""With fewer rows that stand for the others, a large index is no news."""
Measures = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Policy:
    """How many bad rows a job may have (``10`` or ``0.1%``), and whether odd predictions warn or fail."""

    max_invalid: str = "0"
    on_anomaly: OnAnomaly = "warn"

    def check(self) -> None:
        """Refuse a limit that nobody can hold.

        Raises:
            SettingsError: it is neither a whole number nor a percentage.
        """
        found = _LIMIT.fullmatch(self.max_invalid.strip())
        if found is None or (not found["percent"] and "." in found["number"]):
            raise SettingsError(
                f"--max-bad must be a whole number or a percentage such as 0.1%, not '{self.max_invalid}'"
            )

    def allows(self, bad: int, rows: int) -> bool:
        """Whether so many bad rows of all rows are few enough."""
        if self.max_invalid.strip().endswith("%"):
            return bad * 100 <= float(self.max_invalid.strip()[:-1]) * rows
        return bad <= int(self.max_invalid)


def find_anomalies(distribution: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What is odd about predictions: null ones, or the same for every row."""
    return [sentence for name, told in distribution.items() for sentence in _column_anomalies(name, told)]


def _column_anomalies(name: str, statistics: Mapping[str, Any]) -> list[str]:
    found = []
    if statistics["nulls"]:
        found.append(f"{statistics['nulls']} of {statistics['rows']} values of '{name}' are null")
    if (
        "min" in statistics
        and statistics["min"] is not None
        and statistics["min"] == statistics["max"]
        and statistics["rows"] >= _ROWS_TO_VARY
    ):
        found.append(f"'{name}' is {statistics['min']} in all {statistics['rows']} rows")
    return found


def shifted_predictions(reference: Reference | None, release: str, parts: Sequence[Measures]) -> list[str]:
    """What is far: by a large stability index, and by more than any one block of the reference is from all of it.

    ``parts`` are the measures of the dataset's parts. A dataset is often a day's, and so is a block.
    """
    columns = reference.columns if reference else {}
    return [
        sentence
        for name, kind in columns.items()
        if kind.prediction
        for sentence in _describe_shift(name, kind, reference.block if reference else "", release, parts)
    ]


def _describe_shift(
    name: str, profile: ColumnProfile, block: str, release: str, parts: Sequence[Measures]
) -> Iterator[str]:
    counted = [_bin_counts(profile, part[name]) for part in parts if name in part]
    now = np.sum(counted, axis=0) if counted else np.zeros(profile.width)
    blocks = np.array(profile.counts)
    usual = float(stability_index(blocks.sum(axis=0), blocks).max()) if block != "row" else 0.0
    found = float(stability_index(blocks.sum(axis=0), now))
    if now.sum() >= MIN_ROWS and found > max(LARGE_SHIFT, usual):
        each = f", and no {block} of the reference by more than {usual:.2f}" if block != "row" else ""
        yield (
            f"'{name}' is far from the reference of {release}: by a stability index of {found:.2f}, "
            f"where {LARGE_SHIFT:g} is large{each}"
        )


def _bin_counts(profile: ColumnProfile, statistics: Mapping[str, Any]) -> Counts:
    """About how many of the rows that stand for a part are in each bin."""
    if "values" in statistics:
        texts, weights = (
            np.array(list(statistics["values"]), dtype=object),
            np.array(list(statistics["values"].values()), float),
        )
        counts = np.bincount(profile.bins_of(texts), weights, profile.width)
        counts[profile.null] += statistics["nulls"]
        return counts
    points = np.array(statistics["quantiles"], dtype=np.float64)
    if not len(points):
        return np.zeros(profile.width)
    return np.bincount(
        profile.bins_of(points), np.full(len(points), statistics["sampled"] / len(points)), profile.width
    )
