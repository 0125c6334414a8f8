"""Implement each metric as a function of how often each block counts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from slipway.statistics.sample import Floats, Sample, Statistic, block_sums, divide, mean_of

BINS = 10
FEW_BLOCKS = 64
"""Up to this number of blocks, ROC AUC counts the pairs of each two blocks once instead of all rows in every round."""


def statistic_of(name: str, sample: Sample) -> Statistic:
    """Return the metric ``name`` of the sample as a function of how often each block counts."""
    return _STATISTICS[name](sample)


def _roc_auc(sample: Sample) -> Statistic:
    """Area under the ROC curve, where a tie counts as half; with more than two classes the one-vs-rest macro mean."""
    classes = range(sample.p.shape[1]) if sample.p.shape[1] > 2 else [sample.p.shape[1] - 1]
    areas = [_area(sample.p[:, k], sample.y == k, sample) for k in classes]
    return lambda counts: np.mean([area(counts) for area in areas], axis=0)


def _area(scores: Floats, positive: npt.NDArray[np.bool_], sample: Sample) -> Statistic:
    """The share of pairs in which the positive row has the higher score (Mann and Whitney 1947)."""
    pairs = _pairs(scores, positive, sample)
    hits, misses = block_sums(positive.astype(np.float64), sample), block_sums((~positive).astype(np.float64), sample)
    between = None
    if sample.block_count <= FEW_BLOCKS:
        # With few blocks, the pairs won between each two blocks are computed once and not in every round.
        rows, beaten = pairs(np.eye(sample.block_count))
        between = rows @ beaten.T

    def statistic(counts: Floats) -> Floats:
        won = pairs(counts) if between is None else (counts @ between, counts)
        return divide(np.einsum("ri,ri->r", *won), (counts @ hits) * (counts @ misses))

    return statistic


def _pairs(
    scores: Floats, positive: npt.NDArray[np.bool_], sample: Sample
) -> Callable[[Floats], tuple[Floats, Floats]]:
    """Return a function of the counts: how often each positive row counts, and how many negative rows it outranks.

    Both are arrays of [rounds, positive rows].
    """
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


def _average_precision(sample: Sample) -> Statistic:
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


def _log_loss(sample: Sample) -> Statistic:
    # Clipped as in scikit-learn: one wrong prediction with probability 1 would make the mean infinite.
    epsilon = np.finfo(np.float64).eps
    return mean_of(-np.log(np.clip(sample.p[np.arange(len(sample.y)), sample.y], epsilon, 1 - epsilon)), sample)


def _f1_macro(sample: Sample) -> Statistic:
    """The mean F1 over the classes that occur among labels or predictions."""
    predicted, width = sample.p.argmax(axis=1), sample.p.shape[1]
    hit = predicted == sample.y
    both = np.array([block_sums((hit & (sample.y == k)).astype(np.float64), sample) for k in range(width)])
    either = np.array([block_sums((predicted == k) * 1.0 + (sample.y == k), sample) for k in range(width)])

    def statistic(counts: Floats) -> Floats:
        each = divide(2 * counts @ both.T, counts @ either.T)
        present = np.isfinite(each)
        return divide(np.where(present, each, 0).sum(axis=1), present.sum(axis=1).astype(np.float64))

    return statistic


def _calibration_error(sample: Sample) -> Statistic:
    """Expected calibration error (Guo et al. 2017) in ten bins of equal count; with many classes, of the top label."""
    if sample.p.shape[1] == 2:
        confidence, correct = sample.p[:, 1], sample.y == 1
    else:
        confidence, correct = sample.p.max(axis=1), sample.p.argmax(axis=1) == sample.y
    # By value and not by position in the order, so that equal confidences are in the same bin.
    bins = np.searchsorted(np.sort(confidence), confidence) * BINS // max(1, len(confidence))
    gaps = np.bincount(sample.blocks * BINS + bins, correct - confidence, sample.block_count * BINS).reshape(
        sample.block_count, BINS
    )
    rows = block_sums(np.ones(len(confidence)), sample)
    return lambda counts: divide(np.abs(counts @ gaps).sum(axis=1), counts @ rows)


def _rmse(sample: Sample) -> Statistic:
    mean = mean_of((sample.y - sample.p) ** 2, sample)
    return lambda counts: np.sqrt(mean(counts))


def _r2(sample: Sample) -> Statistic:
    """One minus the share of unexplained variance; centered first, so that a large mean does not cost precision."""
    centered = sample.y - (sample.y.mean() if len(sample.y) else 0)
    error = mean_of((sample.y - sample.p) ** 2, sample)
    mean, square = mean_of(centered, sample), mean_of(centered**2, sample)
    return lambda counts: 1 - divide(error(counts), np.maximum(square(counts) - mean(counts) ** 2, 0))


def _median_absolute_error(sample: Sample) -> Statistic:
    """The weighted median of the errors: the mean of the two middle ones if exactly half the weight is below."""
    errors = np.abs(sample.y - sample.p)
    order = np.argsort(errors, kind="stable")
    errors, blocks = errors[order], sample.blocks[order]

    def statistic(counts: Floats) -> Floats:
        sums = np.cumsum(counts[:, blocks], axis=1)
        if not len(errors):
            return np.full(len(counts), np.nan)
        half = sums[:, -1:] / 2
        low = np.minimum((sums < half).sum(axis=1), len(errors) - 1)
        high = np.minimum((sums <= half).sum(axis=1), len(errors) - 1)
        return np.where(half[:, 0] > 0, (errors[low] + errors[high]) / 2, np.nan)

    return statistic


_STATISTICS: dict[str, Callable[[Sample], Statistic]] = {
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
    "log_loss": _log_loss,
    "brier": lambda sample: mean_of((sample.p[:, -1] - (sample.y == 1)) ** 2, sample),
    "accuracy": lambda sample: mean_of((sample.p.argmax(axis=1) == sample.y).astype(np.float64), sample),
    "calibration_error": _calibration_error,
    "f1_macro": _f1_macro,
    "rmse": _rmse,
    "mae": lambda sample: mean_of(np.abs(sample.y - sample.p), sample),
    "r2": _r2,
    "median_absolute_error": _median_absolute_error,
}
