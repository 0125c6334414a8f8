"""Test whether chance alone explains the shifts of all columns together, at a fixed false-alarm rate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from slipway.statistics.divergence import Floats, stability_index

Tables = Mapping[str, tuple[npt.NDArray[Any], npt.NDArray[Any]]]
"""By column: the counts, of shape [blocks, bins], of the reference and of the rows compared with it."""
MIN_ROUNDS = 9999
"""The minimum number of permutations."""
_MAX_CELLS = 2_000_000


def min_blocks(reference: int, rate: float) -> int | None:
    """Return the minimum number of blocks to compare with ``reference`` blocks at a false-alarm rate; None if impossible.

    With fewer blocks there are too few permutations for any of them to be as rare as the rate.
    """
    return next((n for n in range(1, reference + 1) if math.comb(reference + n, n) * rate >= 1), None)


def rounds_for(columns: int, rate: float) -> int:
    """Return the number of permutations, so that the smallest p-value of all columns can be a quarter of the rate."""
    return max(MIN_ROUNDS, math.ceil(4 * columns / rate) - 1)


def p_values(tables: Tables, *, by_block: bool, seed: int = 0, rounds: int = MIN_ROUNDS) -> dict[str, float]:
    """Return adjusted p-values: for each column, how often chance alone would shift *any* column this far.

    Complete blocks are exchanged at random between the two sides, in all columns at once. The rarity of a shift is its
    rank among the shifts of its own column, and it is compared with the rarest shift of each round: Westfall and Young,
    Resampling-Based Multiple Testing (1993), the single-step minP procedure. So the rate holds across all columns
    jointly, whatever their correlations, and columns with few and with many bins are treated alike. Only blocks of the
    same size can be exchanged, so the side with larger blocks is subsampled. Without ``by_block``, single rows are
    exchanged, independently in each column.
    """
    shifts = {
        # Blocks are exchanged alike in all columns, which keeps their correlations; rows are drawn again for each column.
        name: _shifts(pair, by_block, seed if by_block else seed + place, rounds)
        for place, (name, pair) in enumerate(tables.items())
    }
    # The observed split counts as one of the permutations, so a p-value is never zero (Phipson and Smyth, 2010).
    rarities = {name: _rarity(found) for name, found in shifts.items()}
    rarest = np.min([found[1:] for found in rarities.values()], axis=0) if rarities else np.empty(0)
    return {name: float((1 + np.sum(rarest <= found[0])) / (1 + rounds)) for name, found in rarities.items()}


def _shifts(pair: Sequence[npt.NDArray[Any]], by_block: bool, seed: int, rounds: int) -> Floats:
    """Return the observed shift, followed by the shift of each round."""
    pair = _equalize(pair, seed) if by_block else pair
    pooled, first = pair[0].sum(axis=0) + pair[1].sum(axis=0), pair[1].sum(axis=0)
    drawn = _permute_blocks(pair, seed, rounds) if by_block else _permute_rows(pooled, int(first.sum()), seed, rounds)
    return np.concatenate([stability_index(pooled - part, part) for part in (first[None, :], *drawn)])


def _equalize(pair: Sequence[npt.NDArray[Any]], seed: int) -> Sequence[npt.NDArray[Any]]:
    """Subsample the side with larger blocks, so that both have the same average number of rows per block."""
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
    """Yield the counts of the compared side in each round, with blocks exchanged alike for every column."""
    counts = np.concatenate(pair).astype(np.float64)
    size, taken = len(counts), len(pair[1])
    # Rounds are computed in batches, which bounds the memory of the random numbers.
    height = max(1, _MAX_CELLS // size)
    generator = np.random.default_rng(seed)
    for start in range(0, rounds, height):
        order = np.argsort(generator.random((min(height, rounds - start), size)), axis=1)
        yield (order < taken).astype(np.float64) @ counts


def _permute_rows(pooled: npt.NDArray[Any], rows: int, seed: int, rounds: int) -> Iterator[Floats]:
    drawn = np.random.default_rng(seed).multivariate_hypergeometric(pooled, rows, size=rounds, method="marginals")
    yield drawn.astype(np.float64)


def _rarity(shifts: Floats) -> Floats:
    """Return, for each shift, the share of shifts that are at least as large."""
    # Equal shifts can differ by rounding errors of their sums, depending on the order of the blocks.
    equal = np.round(shifts, 12)
    return np.asarray(1 - np.searchsorted(np.sort(equal), equal, side="left") / len(equal))
