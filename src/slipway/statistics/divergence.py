"""Measure the distance between two distributions over the same bins, independent of the number of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from slipway.statistics.reference import ColumnProfile

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[Any]
_PSEUDOCOUNT = 0.5
"""Added to each count, so that a bin that is empty on one side gives a large and not an infinite distance."""


def stability_index(reference: Counts, current: Counts) -> Floats:
    """Return the population stability index over the last axis: the symmetric Kullback-Leibler divergence of the shares.

    By convention a value below 0.1 is negligible and one above 0.25 is a large shift (Siddiqi, Credit Risk Scorecards,
    2006).
    """
    first, second = _shares(reference + _PSEUDOCOUNT), _shares(current + _PSEUDOCOUNT)
    return np.asarray(((second - first) * np.log(second / first)).sum(axis=-1))


def total_variation(reference: Counts, current: Counts) -> float:
    """Return the total variation distance: the share of rows that would have to change bins, from 0 to 1."""
    return float(np.abs(_shares(current) - _shares(reference)).sum() / 2)


def wasserstein_distance(reference: Counts, current: Counts, column: ColumnProfile) -> float | None:
    """Return the first Wasserstein distance between the numbers, in standard deviations of the reference.

    It is computed from the centers of the bins, without nulls and unseen values. None if there are no numbers or all of
    them are in one bin.
    """
    centers = _bin_centers(column)
    before, after = reference[: column.null], current[: column.null]
    if len(centers) < 2 or not before.sum() or not after.sum():
        return None
    shares = _shares(before)
    spread = float(np.sqrt((shares * (centers - (shares * centers).sum()) ** 2).sum()))
    gaps = np.abs(np.cumsum(_shares(after) - shares))[:-1] * np.diff(centers)
    return float(gaps.sum() / spread) if spread > 0 else None


def _bin_centers(column: ColumnProfile) -> Floats:
    """Return the center of each bin of a numeric column; an empty array for a text column."""
    if column.values is not None or column.low is None or column.high is None:
        return np.empty(0)
    ends = np.array([column.low, *column.edges, column.high])
    return np.asarray(ends[:-1] / 2 + ends[1:] / 2)


def _shares(counts: Counts) -> Floats:
    return np.asarray(counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1))
