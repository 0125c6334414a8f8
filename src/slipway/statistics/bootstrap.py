"""How sure a metric is: intervals from drawing whole blocks of rows again and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from slipway.contract.schema import Contract
from slipway.statistics.metrics import metrics_for
from slipway.statistics.sample import Floats, Integers, sample_of
from slipway.statistics.weighted_metrics import statistic_of

CONFIDENCE = (2.5, 97.5)
UNDEFINED_ROUNDS = 0.1
"""An interval is NaN when more than this share of its rounds has no value."""
_CELLS = 1_000_000
"""Rounds are taken in chunks of about this many counts: 8 MB, which stays near the processor."""


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
    """95 % percentile intervals of a block bootstrap: whole blocks are drawn with replacement, as many as there are.

    Percentiles: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13. Blocks, since rows of one
    block are not independent: Künsch (1989), here without overlap as in Carlstein (1986). With fewer than two blocks
    nothing is known about the spread, and the interval is NaN. The bins of ``calibration_error`` stay those of the
    whole sample; being a sum of absolute values, it comes out a little larger in resamples.
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
    """Candidate minus champion in ``metric``, with the 95 % interval of the difference on the same resampled blocks.

    The pairing removes what is hard about a block for both, so the interval is much narrower than either one's own
    (Efron and Tibshirani 1993; blocks as in ``bootstrap``). The sign is not turned for metrics where less is better.
    """
    number, size = _number_blocks(blocks)
    first = statistic_of(metric, sample_of(contract, labels, candidate, number, size))
    second = statistic_of(metric, sample_of(contract, labels, champion, number, size))
    drawn = resamples(size, rounds=rounds, seed=seed, chunk=_rounds_per_chunk(len(number)))
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


def _rounds_per_chunk(rows: int) -> int:
    return max(1, _CELLS // max(1, rows))


def _number_blocks(blocks: npt.ArrayLike) -> tuple[Integers, int]:
    """Blocks numbered without gaps: a slice may have none of some days."""
    names, number = np.unique(np.asarray(blocks), return_inverse=True)
    return number.astype(np.int64), len(names)


def _interval(values: Floats, blocks: int) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if blocks < 2 or len(known) < (1 - UNDEFINED_ROUNDS) * len(values):
        return float("nan"), float("nan")
    low, high = np.percentile(known, CONFIDENCE)
    return float(low), float(high)
