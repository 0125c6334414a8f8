"""How far two distributions over the same bins are apart, whatever the number of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from slipway.statistics.reference import ColumnProfile

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[Any]
_PSEUDOCOUNT = 0.5
"""Added to each count, so that a bin which is empty on one side makes a distance large and not infinite."""


def stability_index(reference: Counts, current: Counts) -> Floats:
    """The population stability index over the last axis: the symmetric Kullback-Leibler divergence of the shares.

    By convention less than 0.1 is nothing to speak of, and more than 0.25 is a large shift (Siddiqi, Credit Risk
    Scorecards, 2006).
    """
    first, second = _shares(reference + _PSEUDOCOUNT), _shares(current + _PSEUDOCOUNT)
    return np.asarray(((second - first) * np.log(second / first)).sum(axis=-1))


def total_variation(reference: Counts, current: Counts) -> float:
    """The share of rows that would have to be in another bin, from 0 to 1."""
    return float(np.abs(_shares(current) - _shares(reference)).sum() / 2)


def wasserstein_distance(reference: Counts, current: Counts, column: ColumnProfile) -> float | None:
    """Wasserstein's first distance between the numbers, in standard deviations of the reference.

    It is worked out from the bins, each taken at its middle; nulls and strangers are left out. None where there are no
    numbers, or all are in one bin.
    """
    places = _bin_centers(column)
    before, after = reference[: column.null], current[: column.null]
    if len(places) < 2 or not before.sum() or not after.sum():
        return None
    shares = _shares(before)
    spread = float(np.sqrt((shares * (places - (shares * places).sum()) ** 2).sum()))
    gaps = np.abs(np.cumsum(_shares(after) - shares))[:-1] * np.diff(places)
    return float(gaps.sum() / spread) if spread > 0 else None


def _bin_centers(column: ColumnProfile) -> Floats:
    """Where the rows of each bin of a number are taken to be."""
    if column.values is not None or column.low is None or column.high is None:
        return np.empty(0)
    ends = np.array([column.low, *column.edges, column.high])
    return np.asarray(ends[:-1] / 2 + ends[1:] / 2)


def _shares(counts: Counts) -> Floats:
    return np.asarray(counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1))
