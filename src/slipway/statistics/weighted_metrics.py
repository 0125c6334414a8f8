"""Every metric as a function of how often each block counts, by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from slipway.statistics.ranking import average_precision, roc_auc
from slipway.statistics.sample import Floats, Sample, Statistic, block_sums, divide, mean_of

BINS = 10


def statistic_of(name: str, sample: Sample) -> Statistic:
    """The metric ``name`` of the sample, still to be told how often each block counts."""
    return _STATISTICS[name](sample)


def _log_loss(sample: Sample) -> Statistic:
    epsilon = np.finfo(np.float64).eps
    return mean_of(-np.log(np.clip(sample.p[np.arange(len(sample.y)), sample.y], epsilon, 1 - epsilon)), sample)


def _brier(sample: Sample) -> Statistic:
    return mean_of((sample.p[:, -1] - (sample.y == 1)) ** 2, sample)


def _accuracy(sample: Sample) -> Statistic:
    return mean_of((sample.p.argmax(axis=1) == sample.y).astype(np.float64), sample)


def _f1_macro(sample: Sample) -> Statistic:
    """The mean F1 over the classes that occur among labels or predictions."""
    predicted, width = sample.p.argmax(axis=1), sample.p.shape[1]
    hit = predicted == sample.y
    both = np.array([block_sums((hit & (sample.y == k)).astype(np.float64), sample) for k in range(width)])
    either = np.array([block_sums((predicted == k) * 1.0 + (sample.y == k), sample) for k in range(width)])

    def statistic(counts: Floats) -> Floats:
        each = divide(2 * counts @ both.T, counts @ either.T)
        there = np.isfinite(each)
        return divide(np.where(there, each, 0).sum(axis=1), there.sum(axis=1).astype(np.float64))

    return statistic


def _calibration_error(sample: Sample) -> Statistic:
    """Expected calibration error (Guo et al. 2017) in ten bins of equal count; of the top label for many classes."""
    if sample.p.shape[1] == 2:
        sure, right = sample.p[:, 1], sample.y == 1
    else:
        sure, right = sample.p.max(axis=1), sample.p.argmax(axis=1) == sample.y
    bins = np.searchsorted(np.sort(sure), sure) * BINS // max(1, len(sure))
    gaps = np.bincount(sample.blocks * BINS + bins, right - sure, sample.size * BINS).reshape(sample.size, BINS)
    rows = block_sums(np.ones(len(sure)), sample)
    return lambda counts: divide(np.abs(counts @ gaps).sum(axis=1), counts @ rows)


def _rmse(sample: Sample) -> Statistic:
    mean = mean_of((sample.y - sample.p) ** 2, sample)
    return lambda counts: np.sqrt(mean(counts))


def _mae(sample: Sample) -> Statistic:
    return mean_of(np.abs(sample.y - sample.p), sample)


def _r2(sample: Sample) -> Statistic:
    """One minus the share of variance left over; centred first, so that a large mean costs no digits."""
    centred = sample.y - (sample.y.mean() if len(sample.y) else 0)
    error = mean_of((sample.y - sample.p) ** 2, sample)
    mean, square = mean_of(centred, sample), mean_of(centred**2, sample)
    return lambda counts: 1 - divide(error(counts), np.maximum(square(counts) - mean(counts) ** 2, 0))


def _median_absolute_error(sample: Sample) -> Statistic:
    """The weighted median: the middle of the two middle errors where exactly half the weight lies below."""
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
    "roc_auc": roc_auc,
    "average_precision": average_precision,
    "log_loss": _log_loss,
    "brier": _brier,
    "accuracy": _accuracy,
    "calibration_error": _calibration_error,
    "f1_macro": _f1_macro,
    "rmse": _rmse,
    "mae": _mae,
    "r2": _r2,
    "median_absolute_error": _median_absolute_error,
}
