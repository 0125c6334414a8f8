"""Decide whether a dataset can be published: how many rows break the contract, and whether predictions look wrong.

Anomalies are null predictions, the same prediction for every row, and predictions far from those for the holdout.
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
"""With fewer rows, equal predictions are not suspicious."""
LARGE_SHIFT = 0.25
"""Stability index from which a shift is usually called large."""
MIN_ROWS = 100
"""With fewer sampled rows, chance alone can make the index large."""
Measures = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Policy:
    """How many invalid rows a job can have (``10`` or ``0.1%``), and whether anomalies warn or fail."""

    max_invalid: str = "0"
    on_anomaly: OnAnomaly = "warn"

    def check(self) -> None:
        """Check the syntax of the limit.

        Raises:
            SettingsError: the limit is not a whole number or a percentage.
        """
        found = _LIMIT.fullmatch(self.max_invalid.strip())
        if found is None or (not found["percent"] and "." in found["number"]):
            raise SettingsError(
                f"--max-invalid must be a whole number or a percentage such as 0.1%, not '{self.max_invalid}'"
            )

    def allows(self, invalid: int, rows: int) -> bool:
        """Return whether ``invalid`` of ``rows`` rows are within the limit."""
        if self.max_invalid.strip().endswith("%"):
            return invalid * 100 <= float(self.max_invalid.strip()[:-1]) * rows
        return invalid <= int(self.max_invalid)


def find_anomalies(distribution: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Describe predictions that are null, or the same for every row."""
    return [sentence for name, column in distribution.items() for sentence in _column_anomalies(name, column)]


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
    """Describe outputs that are far from the reference.

    Far is a large stability index that is also larger than the index of every single block of the reference against the
    complete reference: a dataset often covers one day, and so does a block. ``parts`` are the measures of its parts.
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
        each = f"; single {block}s of the reference reach at most {usual:.2f}" if block != "row" else ""
        yield (
            f"'{name}' is far from the reference of {release}: stability index {found:.2f}, "
            f"and more than {LARGE_SHIFT:g} is large{each}"
        )


def _bin_counts(profile: ColumnProfile, statistics: Mapping[str, Any]) -> Counts:
    """Estimate how many of a part's sampled rows are in each bin."""
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
