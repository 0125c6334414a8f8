"""Could chance alone have moved the columns that far? One answer for all of them together, at a stated rate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from slipway.statistics.divergence import Floats, stability_index

Tables = Mapping[str, tuple[npt.NDArray[Any], npt.NDArray[Any]]]
"""By column: the counts [blocks, bins] of the reference and of the rows that are compared with it."""
MIN_ROUNDS = 9999
"""At least."""
_MAX_CELLS = 2_000_000


def min_blocks(reference: int, rate: float) -> int | None:
    """How many blocks must be compared with so many before a rate of false alarms can be kept; None: never enough.

    With fewer there are not enough ways to exchange blocks for any way to be as rare as the rate.
    """
    return next((n for n in range(1, reference + 1) if math.comb(reference + n, n) * rate >= 1), None)


def rounds_for(columns: int, rate: float) -> int:
    """How many rounds it takes, so that the rarest of so many columns can be four times as rare as the rate asks."""
    return max(MIN_ROUNDS, math.ceil(4 * columns / rate) - 1)


def p_values(tables: Tables, *, by_block: bool, seed: int = 0, rounds: int = MIN_ROUNDS) -> dict[str, float]:
    """For each column, how often chance alone would move *any* of the columns as far as this one has moved.

    Whole blocks are exchanged at random between the two sides, all columns at once. A shift is as rare as it is among
    those of its own column, and a column must be rarer than the rarest one of each round: Westfall and Young,
    Resampling-Based Multiple Testing (1993), the single-step minP. So the rate holds over all columns together, however
    they depend on one another, and columns of few and of many bins are alike. Blocks can be exchanged only if they are
    of one size, so rows are left out at random of those of the side that has more in each. Without ``by_block`` rows
    are exchanged, in each column by itself.
    """
    shifts = {
        # Rows are drawn anew for each column, but blocks are the same for all.
        name: _shifts(pair, by_block, seed if by_block else seed + place, rounds)
        for place, (name, pair) in enumerate(tables.items())
    }
    # The comparison itself is one of the ways that chance has, so no chance is ever zero.
    rarities = {name: _rarity(found) for name, found in shifts.items()}
    rarest = np.min([found[1:] for found in rarities.values()], axis=0) if rarities else np.empty(0)
    return {name: float((1 + np.sum(rarest <= found[0])) / (1 + rounds)) for name, found in rarities.items()}


def _shifts(pair: Sequence[npt.NDArray[Any]], by_block: bool, seed: int, rounds: int) -> Floats:
    """The shift that was found, and after it those of each round."""
    pair = _equalize(pair, seed) if by_block else pair
    whole, first = pair[0].sum(axis=0) + pair[1].sum(axis=0), pair[1].sum(axis=0)
    drawn = _permute_blocks(pair, seed, rounds) if by_block else _permute_rows(whole, int(first.sum()), seed, rounds)
    return np.concatenate([stability_index(whole - some, some) for some in (first[None, :], *drawn)])


def _equalize(pair: Sequence[npt.NDArray[Any]], seed: int) -> Sequence[npt.NDArray[Any]]:
    """Both sides with as many rows in a block on average as the one that has fewer."""
    rows = [counts.sum() / len(counts) for counts in pair]
    generator = np.random.default_rng(seed)
    return [_subsample(counts, min(rows) / mean, generator) for counts, mean in zip(pair, rows, strict=True)]


def _subsample(counts: npt.NDArray[Any], share: float, generator: np.random.Generator) -> npt.NDArray[Any]:
    if share == 1:
        return counts
    left = np.maximum(1, np.round(counts.sum(axis=1) * share)).astype(np.int64)
    drawn = [generator.multivariate_hypergeometric(block, n) for block, n in zip(counts, left, strict=True)]
    return np.array(drawn)


def _permute_blocks(pair: Sequence[npt.NDArray[Any]], seed: int, rounds: int) -> Iterator[Floats]:
    """What the compared side would hold, each round with other blocks: the same ones for every column."""
    counts = np.concatenate(pair).astype(np.float64)
    size, taken = len(counts), len(pair[1])
    height = max(1, _MAX_CELLS // size)
    generator = np.random.default_rng(seed)
    for start in range(0, rounds, height):
        order = np.argsort(generator.random((min(height, rounds - start), size)), axis=1)
        yield (order < taken).astype(np.float64) @ counts


def _permute_rows(whole: npt.NDArray[Any], rows: int, seed: int, rounds: int) -> Iterator[Floats]:
    drawn = np.random.default_rng(seed).multivariate_hypergeometric(whole, rows, size=rounds, method="marginals")
    yield drawn.astype(np.float64)


def _rarity(shifts: Floats) -> Floats:
    """For each shift, the share of all of them that are as large; those that rounding alone tells apart are equal."""
    equal = np.round(shifts, 12)
    return np.asarray(1 - np.searchsorted(np.sort(equal), equal, side="left") / len(equal))
