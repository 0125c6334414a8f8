"""What a model is worth, and how sure we are: the numbers that `evaluate` reports and the gate compares.

Every metric is a function of how often each *block* of rows counts, so the plain score, a weighted score and all
rounds of a bootstrap are one computation on a matrix of counts, and no row is ever copied.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from pipeline.component.contract import Contract
from pipeline.errors import DataError, SettingsError

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Statistic = Callable[[Floats], Floats]
"""Takes counts [rounds, blocks] and gives one value for each round."""

BINARY = ("roc_auc", "average_precision", "log_loss", "brier", "accuracy", "calibration_error")
MULTI_CLASS = ("roc_auc", "log_loss", "accuracy", "f1_macro", "calibration_error")
REGRESSION = ("rmse", "mae", "r2", "median_absolute_error")
HIGHER_IS_BETTER = frozenset({"roc_auc", "average_precision", "accuracy", "f1_macro", "r2"})
BLOCKS = ("row", "hour", "day", "week", "month")
MONDAY = 3
"""Day 0 of the calendar, 1 January 1970, was a Thursday."""
BINS = 10
CONFIDENCE = (2.5, 97.5)
UNDEFINED_ROUNDS = 0.1
"""An interval is NaN when more than this share of its rounds has no value."""
FEW_BLOCKS = 64
_CELLS = 1_000_000
"""Rounds are taken in chunks of about this many counts: 8 MB, which stays near the processor."""


def metrics_for(contract: Contract) -> tuple[str, ...]:
    """The metrics of the contract's task; the first is the one that a single number or picture shows.

    With two classes the *last* one in ``contract.classes`` is the positive one.
    """
    if contract.task == "regression":
        return REGRESSION
    return BINARY if len(contract.classes) == 2 else MULTI_CLASS


def higher_is_better(name: str) -> bool:
    """Whether a larger value of this metric is a better model."""
    return name in HIGHER_IS_BETTER


def score(
    contract: Contract,
    truth: npt.ArrayLike,
    predictions: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    names: Sequence[str] | None = None,
) -> dict[str, float]:
    """The task's metrics (or ``names``); one that cannot be computed (a single class, a constant target) is NaN.

    ``truth`` holds N labels or numbers; ``predictions`` is [N, classes] in the contract's order, or [N]. The bins of
    ``calibration_error`` are cut by rows, also where there are weights.

    Raises:
        DataError: a prediction is NaN or infinite, a label is not in the contract, or lengths differ.
    """
    rows = len(np.asarray(truth))
    blocks = np.zeros(rows, np.int64) if weights is None else np.arange(rows)
    counts = np.ones((1, 1)) if weights is None else np.asarray(weights, np.float64)[None, :]
    sample = _sample(contract, truth, predictions, blocks, counts.shape[1])
    return {name: float(_statistic(name, sample)(counts)[0]) for name in names or metrics_for(contract)}


def blocks_of(time: pd.Series | None, block: str, rows: int) -> Integers:
    """Number the block of each of ``rows`` rows from 0: its calendar hour, day, week (from Monday) or month, or itself.

    Raises:
        SettingsError: an unknown block, or one that needs a time column where there is none.
        DataError: the time column has nulls or holds no times.
    """
    if block == "row":
        return np.arange(rows)
    if block not in BLOCKS:
        close = difflib.get_close_matches(block, BLOCKS, 1)
        meant = f"; did you mean '{close[0]}'?" if close else f"; it is one of {', '.join(BLOCKS)}"
        raise SettingsError(f"unknown block '{block}'{meant}")
    if time is None:
        raise SettingsError(f"blocks by {block} need a time column; name one in slipway.toml or use block 'row'")
    return np.unique(_calendar(time, block), return_inverse=True)[1].astype(np.int64)


def _calendar(time: pd.Series, block: str) -> Integers:
    if not np.issubdtype(getattr(time.dtype, "base", np.dtype(object)), np.datetime64):
        raise DataError(f"time column '{time.name}' must hold times but holds {time.dtype}")
    if time.isna().any():
        raise DataError(f"time column '{time.name}' is null in {int(time.isna().sum()):,} of {len(time):,} rows")
    local = time.dt.tz_localize(None).to_numpy()
    unit = {"hour": "h", "day": "D", "week": "D", "month": "M"}[block]
    number: Integers = local.astype(f"datetime64[{unit}]").astype(np.int64)
    return (number + MONDAY) // 7 if block == "week" else number


def bootstrap(
    contract: Contract,
    truth: npt.ArrayLike,
    predictions: npt.ArrayLike,
    blocks: npt.ArrayLike,
    *,
    rounds: int = 200,
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> dict[str, tuple[float, float]]:
    """95 % percentile intervals of a block bootstrap: whole blocks are drawn with replacement, as many as there are.

    Percentiles: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13. Blocks, since rows of one
    block are not independent: Künsch (1989), here without overlap as in Carlstein (1986). With fewer than two blocks
    nothing is known about the spread, and the interval is NaN. The bins of ``calibration_error`` stay those of the
    whole sample; being a sum of absolute values, it comes out a little larger in resamples.
    """
    number, size = _renumbered(blocks)
    sample = _sample(contract, truth, predictions, number, size)
    statistics = {name: _statistic(name, sample) for name in names or metrics_for(contract)}
    values: dict[str, list[Floats]] = {name: [] for name in statistics}
    for counts in resamples(size, rounds=rounds, seed=seed, chunk=_chunk(len(number))):
        for name, statistic in statistics.items():
            values[name].append(statistic(counts))
    return {name: _interval(np.concatenate(parts), size) for name, parts in values.items()}


def paired_difference(
    contract: Contract,
    truth: npt.ArrayLike,
    candidate: npt.ArrayLike,
    champion: npt.ArrayLike,
    blocks: npt.ArrayLike,
    *,
    metric: str,
    rounds: int = 200,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Candidate minus champion in ``metric``, with the 95 % interval of the difference on the same resampled blocks.

    The pairing removes what is hard about a block for both, so the interval is much narrower than either one's own
    (Efron and Tibshirani 1993; blocks as in ``bootstrap``). The sign is not turned for metrics where less is better.
    """
    number, size = _renumbered(blocks)
    first = _statistic(metric, _sample(contract, truth, candidate, number, size))
    second = _statistic(metric, _sample(contract, truth, champion, number, size))
    drawn = resamples(size, rounds=rounds, seed=seed, chunk=_chunk(len(number)))
    low, high = _interval(np.concatenate([first(counts) - second(counts) for counts in drawn]), size)
    whole = np.ones((1, size))
    return float(first(whole)[0] - second(whole)[0]), low, high


def resamples(blocks: int, *, rounds: int, seed: int, chunk: int = 200) -> Iterator[Floats]:
    """How often each block is drawn in each round, as arrays of at most ``chunk`` rounds by ``blocks``."""
    generator = np.random.default_rng(seed)
    for start in range(0, rounds, chunk):
        height = min(chunk, rounds - start)
        drawn = generator.integers(0, blocks, (height, blocks)) + np.arange(height)[:, None] * blocks
        yield np.bincount(drawn.ravel(), minlength=height * blocks).reshape(height, blocks).astype(np.float64)


def _chunk(rows: int) -> int:
    return max(1, _CELLS // max(1, rows))


def _renumbered(blocks: npt.ArrayLike) -> tuple[Integers, int]:
    """Blocks numbered without gaps: a slice may have none of some days."""
    names, number = np.unique(np.asarray(blocks), return_inverse=True)
    return number.astype(np.int64), len(names)


def _interval(values: Floats, blocks: int) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if blocks < 2 or len(known) < (1 - UNDEFINED_ROUNDS) * len(values):
        return float("nan"), float("nan")
    low, high = np.percentile(known, CONFIDENCE)
    return float(low), float(high)


class _Sample(NamedTuple):
    """Rows to score: ``y`` is the class number or the target, ``p`` is [N, classes] or [N]."""

    y: npt.NDArray[Any]
    p: Floats
    blocks: Integers
    size: int


def _sample(
    contract: Contract, truth: npt.ArrayLike, predictions: npt.ArrayLike, blocks: Integers, size: int
) -> _Sample:
    p = np.asarray(predictions, np.float64)
    y = _numbers(contract, np.asarray(truth))
    expected = (len(y), len(contract.classes)) if contract.task == "classification" else (len(y),)
    if p.shape != expected or len(blocks) != len(y):
        raise DataError(f"predictions are {p.shape} with {len(blocks):,} blocks but {expected} was expected")
    wrong = int(np.count_nonzero(~np.isfinite(p).reshape(len(y), -1).all(axis=1))) if len(y) else 0
    if wrong:
        raise DataError(f"{wrong:,} of {len(y):,} predictions are NaN or infinite, so the model cannot be scored")
    return _Sample(y, p, blocks, size)


def _numbers(contract: Contract, truth: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if contract.task == "regression":
        numbers = truth.astype(np.float64)
        if not np.isfinite(numbers).all():
            raise DataError(
                f"{np.count_nonzero(~np.isfinite(numbers)):,} of {len(truth):,} target values are not finite"
            )
        return numbers
    codes = np.full(len(truth), -1, np.int64)
    for number, label in enumerate(contract.classes):
        codes[truth == label] = number
    if (codes < 0).any():
        strange = truth[codes < 0]
        raise DataError(
            f"{len(strange):,} of {len(truth):,} labels are not in the contract, the first is {strange[0]!r}; "
            f"its classes are {', '.join(contract.classes)}"
        )
    return codes


def _statistic(name: str, sample: _Sample) -> Statistic:
    return _STATISTICS[name](sample)


def _divide(numerator: Floats, denominator: Floats) -> Floats:
    """The quotient, NaN where there is nothing to divide by."""
    result = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def _block_sums(values: Floats, sample: _Sample) -> Floats:
    return np.bincount(sample.blocks, values, sample.size).astype(np.float64)


def _mean_of(values: Floats, sample: _Sample) -> Statistic:
    sums, rows = _block_sums(values, sample), _block_sums(np.ones(len(values)), sample)
    return lambda counts: _divide(counts @ sums, counts @ rows)


def _roc_auc(sample: _Sample) -> Statistic:
    """Area under the ROC curve, where a tie counts as half; macro mean of one-vs-rest for many classes."""
    classes = range(sample.p.shape[1]) if sample.p.shape[1] > 2 else [sample.p.shape[1] - 1]
    areas = [_area(sample.p[:, k], sample.y == k, sample) for k in classes]
    return lambda counts: np.mean([area(counts) for area in areas], axis=0)


def _area(scores: Floats, positive: npt.NDArray[np.bool_], sample: _Sample) -> Statistic:
    """The share of pairs in which the positive row has the higher score (Mann and Whitney 1947)."""
    pairs = _pairs(scores, positive, sample)
    hits, misses = _block_sums(positive.astype(np.float64), sample), _block_sums((~positive).astype(np.float64), sample)
    if sample.size > FEW_BLOCKS:
        won = partial(_won, pairs)
    else:
        rows, beaten = pairs(np.eye(sample.size))
        between = rows @ beaten.T
        won = partial(_won_between, between)
    return lambda counts: _divide(won(counts), (counts @ hits) * (counts @ misses))


def _won(pairs: Callable[[Floats], tuple[Floats, Floats]], counts: Floats) -> Floats:
    return cast(Floats, np.einsum("ri,ri->r", *pairs(counts)))


def _won_between(between: Floats, counts: Floats) -> Floats:
    """The same from the pairs won between each two blocks, which where blocks are few is worked out only once."""
    return cast(Floats, np.einsum("ri,ri->r", counts @ between, counts))


def _pairs(
    scores: Floats, positive: npt.NDArray[np.bool_], sample: _Sample
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


def _average_precision(sample: _Sample) -> Statistic:
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
        return _divide(np.einsum("ri,ri->r", precision, np.diff(hits, axis=1, prepend=0)), total)

    return statistic


def _log_loss(sample: _Sample) -> Statistic:
    epsilon = np.finfo(np.float64).eps
    return _mean_of(-np.log(np.clip(sample.p[np.arange(len(sample.y)), sample.y], epsilon, 1 - epsilon)), sample)


def _brier(sample: _Sample) -> Statistic:
    return _mean_of((sample.p[:, -1] - (sample.y == 1)) ** 2, sample)


def _accuracy(sample: _Sample) -> Statistic:
    return _mean_of((sample.p.argmax(axis=1) == sample.y).astype(np.float64), sample)


def _f1_macro(sample: _Sample) -> Statistic:
    """The mean F1 over the classes that occur among labels or predictions."""
    predicted, width = sample.p.argmax(axis=1), sample.p.shape[1]
    hit = predicted == sample.y
    both = np.array([_block_sums((hit & (sample.y == k)).astype(np.float64), sample) for k in range(width)])
    either = np.array([_block_sums((predicted == k) * 1.0 + (sample.y == k), sample) for k in range(width)])

    def statistic(counts: Floats) -> Floats:
        each = _divide(2 * counts @ both.T, counts @ either.T)
        there = np.isfinite(each)
        return _divide(np.where(there, each, 0).sum(axis=1), there.sum(axis=1).astype(np.float64))

    return statistic


def _calibration_error(sample: _Sample) -> Statistic:
    """Expected calibration error (Guo et al. 2017) in ten bins of equal count; of the top label for many classes."""
    if sample.p.shape[1] == 2:
        sure, right = sample.p[:, 1], sample.y == 1
    else:
        sure, right = sample.p.max(axis=1), sample.p.argmax(axis=1) == sample.y
    bins = np.searchsorted(np.sort(sure), sure) * BINS // max(1, len(sure))
    gaps = np.bincount(sample.blocks * BINS + bins, right - sure, sample.size * BINS).reshape(sample.size, BINS)
    rows = _block_sums(np.ones(len(sure)), sample)
    return lambda counts: _divide(np.abs(counts @ gaps).sum(axis=1), counts @ rows)


def _rmse(sample: _Sample) -> Statistic:
    mean = _mean_of((sample.y - sample.p) ** 2, sample)
    return lambda counts: np.sqrt(mean(counts))


def _mae(sample: _Sample) -> Statistic:
    return _mean_of(np.abs(sample.y - sample.p), sample)


def _r2(sample: _Sample) -> Statistic:
    """One minus the share of variance left over; centred first, so that a large mean costs no digits."""
    centred = sample.y - (sample.y.mean() if len(sample.y) else 0)
    error = _mean_of((sample.y - sample.p) ** 2, sample)
    mean, square = _mean_of(centred, sample), _mean_of(centred**2, sample)
    return lambda counts: 1 - _divide(error(counts), np.maximum(square(counts) - mean(counts) ** 2, 0))


def _median_absolute_error(sample: _Sample) -> Statistic:
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


_STATISTICS: dict[str, Callable[[_Sample], Statistic]] = {
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
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
