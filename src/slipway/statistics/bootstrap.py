"""Compute confidence intervals of metrics with a block bootstrap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from slipway.contract.metrics import metrics_for
from slipway.contract.schema import Contract
from slipway.statistics.sample import Floats, Integers, sample_of
from slipway.statistics.weighted_metrics import statistic_of

CONFIDENCE = (2.5, 97.5)
UNDEFINED_ROUNDS = 0.1
"""An interval is NaN if the metric is undefined in more than this share of the rounds."""
_CELLS = 1_000_000
"""Rounds are computed in chunks of about this many counts: 8 MB, which fits into a processor's cache."""


def bootstrap(
    contract: Contract,
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    blocks: npt.ArrayLike,
    *,
    rounds: int = 200,
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> dict[str, tuple[float, float]]:
    """Return the 95 % percentile interval of each metric: complete blocks are drawn with replacement, n out of n.

    Percentiles: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13. Blocks, because the rows of
    one block are not independent: Künsch (1989), here without overlap as in Carlstein (1986). With fewer than two blocks
    the spread is unknown, and the interval is NaN. ``calibration_error`` keeps the bins of the complete sample; because
    it is a sum of absolute values, it is slightly larger in resamples.
    """
    number, size = _number_blocks(blocks)
    sample = sample_of(contract, labels, predictions, number, size)
    statistics = {name: statistic_of(name, sample) for name in names or metrics_for(contract)}
    values: dict[str, list[Floats]] = {name: [] for name in statistics}
    for counts in resamples(size, rounds=rounds, seed=seed, chunk=_rounds_per_chunk(len(number))):
        for name, statistic in statistics.items():
            values[name].append(statistic(counts))
    return {name: _interval(np.concatenate(parts), size) for name, parts in values.items()}


def paired_difference(
    contract: Contract,
    labels: npt.ArrayLike,
    candidate: npt.ArrayLike,
    champion: npt.ArrayLike,
    blocks: npt.ArrayLike,
    *,
    metric: str,
    rounds: int = 200,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Return candidate minus champion in ``metric``, and the 95 % interval of that difference on the same resamples.

    Pairing cancels the difficulty that a block has for both models, so the interval is much narrower than that of either
    model (Efron and Tibshirani 1993; blocks as in ``bootstrap``). If less is better, the sign is not reversed.
    """
    number, size = _number_blocks(blocks)
    first = statistic_of(metric, sample_of(contract, labels, candidate, number, size))
    second = statistic_of(metric, sample_of(contract, labels, champion, number, size))
    drawn = resamples(size, rounds=rounds, seed=seed, chunk=_rounds_per_chunk(len(number)))
    low, high = _interval(np.concatenate([first(counts) - second(counts) for counts in drawn]), size)
    unweighted = np.ones((1, size))
    return float(first(unweighted)[0] - second(unweighted)[0]), low, high


def resamples(blocks: int, *, rounds: int, seed: int, chunk: int = 200) -> Iterator[Floats]:
    """Yield how often each block is drawn in each round, as arrays of at most ``chunk`` rounds by ``blocks``."""
    generator = np.random.default_rng(seed)
    for start in range(0, rounds, chunk):
        height = min(chunk, rounds - start)
        drawn = generator.integers(0, blocks, (height, blocks)) + np.arange(height)[:, None] * blocks
        yield np.bincount(drawn.ravel(), minlength=height * blocks).reshape(height, blocks).astype(np.float64)


def _rounds_per_chunk(rows: int) -> int:
    return max(1, _CELLS // max(1, rows))


def _number_blocks(blocks: npt.ArrayLike) -> tuple[Integers, int]:
    """Number the blocks without gaps, since a slice can lack some days."""
    names, number = np.unique(np.asarray(blocks), return_inverse=True)
    return number.astype(np.int64), len(names)


def _interval(values: Floats, blocks: int) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if blocks < 2 or len(known) < (1 - UNDEFINED_ROUNDS) * len(values):
        return float("nan"), float("nan")
    low, high = np.percentile(known, CONFIDENCE)
    return float(low), float(high)
