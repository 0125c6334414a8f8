"""Metrics of the order in which a model puts the rows: the areas under two curves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

import numpy as np
import numpy.typing as npt

from slipway.statistics.sample import Floats, Sample, Statistic, block_sums, divide

FEW_BLOCKS = 64


def roc_auc(sample: Sample) -> Statistic:
    """Area under the ROC curve, where a tie counts as half; macro mean of one-vs-rest for many classes."""
    classes = range(sample.p.shape[1]) if sample.p.shape[1] > 2 else [sample.p.shape[1] - 1]
    areas = [_area(sample.p[:, k], sample.y == k, sample) for k in classes]
    return lambda counts: np.mean([area(counts) for area in areas], axis=0)


def _area(scores: Floats, positive: npt.NDArray[np.bool_], sample: Sample) -> Statistic:
    """The share of pairs in which the positive row has the higher score (Mann and Whitney 1947)."""
    pairs = _pairs(scores, positive, sample)
    hits, misses = block_sums(positive.astype(np.float64), sample), block_sums((~positive).astype(np.float64), sample)
    if sample.size > FEW_BLOCKS:
        won = partial(_won, pairs)
    else:
        rows, beaten = pairs(np.eye(sample.size))
        between = rows @ beaten.T
        won = partial(_won_between, between)
    return lambda counts: divide(won(counts), (counts @ hits) * (counts @ misses))


def _won(pairs: Callable[[Floats], tuple[Floats, Floats]], counts: Floats) -> Floats:
    return cast(Floats, np.einsum("ri,ri->r", *pairs(counts)))


def _won_between(between: Floats, counts: Floats) -> Floats:
    """The same from the pairs won between each two blocks, which where blocks are few is worked out only once."""
    return cast(Floats, np.einsum("ri,ri->r", counts @ between, counts))


def _pairs(
    scores: Floats, positive: npt.NDArray[np.bool_], sample: Sample
) -> Callable[[Floats], tuple[Floats, Floats]]:
    """For each positive row: how often it counts, and how many negative rows it beats [rounds, positive rows]."""
    up, down = np.flatnonzero(positive), np.flatnonzero(~positive)
    up, down = up[np.argsort(scores[up], kind="stable")], down[np.argsort(scores[down], kind="stable")]
    below = np.searchsorted(scores[down], scores[up], "left")
    not_above = np.searchsorted(scores[down], scores[up], "right")

    def pairs(counts: Floats) -> tuple[Floats, Floats]:
        sums = np.zeros((len(counts), len(down) + 1))
        np.cumsum(np.take(counts, sample.blocks[down], axis=1), axis=1, out=sums[:, 1:])
        beaten = (np.take(sums, below, axis=1) + np.take(sums, not_above, axis=1)) / 2
        return np.take(counts, sample.blocks[up], axis=1), beaten

    return pairs


def average_precision(sample: Sample) -> Statistic:
    """Precision at each threshold, weighted by the recall gained there; tied scores share a threshold."""
    scores, order = sample.p[:, -1], np.argsort(-sample.p[:, -1], kind="stable")
    blocks, hit = sample.blocks[order], (sample.y == 1)[order].astype(np.float64)
    last = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)

    def statistic(counts: Floats) -> Floats:
        weights = np.take(counts, blocks, axis=1)
        chosen = np.take(np.cumsum(weights, axis=1), last, axis=1)
        hits = np.take(np.cumsum(weights * hit, axis=1), last, axis=1)
        precision = np.divide(hits, chosen, out=np.zeros_like(hits), where=chosen != 0)
        total = hits[:, -1] if len(last) else np.zeros(len(counts))
        return divide(np.einsum("ri,ri->r", precision, np.diff(hits, axis=1, prepend=0)), total)

    return statistic
