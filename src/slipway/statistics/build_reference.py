"""Makes a reference of rows: which bins each column has, and how many rows of each block are in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

import msgspec
import numpy as np

from slipway.statistics.reference import FORMAT, Array, ColumnProfile, Reference, counts_of
from slipway.statistics.sample import Integers

BINS = 10
MAX_BLOCKS, MIN_BLOCKS = 100, 20
MAX_CELLS = 60_000
"""Counts in all: with what else is told of the columns, the file stays below a megabyte."""
RARE_SHARE = 0.01
"""Fewer rows have no bin of their own: which values are rare is itself an accident of the rows that were counted."""
RANGE_MARGIN, ROUNDING_MARGIN = 0.1, 1e-9
MAX_TEXT_BYTES = 200_000
"""Bytes of the known texts of all columns together."""


def reference_of(
    columns: Mapping[str, Array],
    blocks: Integers,
    *,
    time: str,
    block: str,
    predictions: Collection[str] = (),
    training: Mapping[str, Array] | None = None,
) -> Reference:
    """Describe rows. ``blocks`` are the calendar numbers of their blocks; ``training`` are more rows that were seen."""
    texts = sum(values.dtype == object for values in columns.values())
    seen = training or {}
    kinds = {
        name: _profile_column(values, seen.get(name), MAX_TEXT_BYTES // max(1, texts))
        for name, values in columns.items()
    }
    kept, left_out = _select_columns(kinds)
    chosen = _sample_blocks(blocks, sum(kinds[name].width for name in kept))
    inside = np.isin(blocks, chosen)
    places = np.searchsorted(chosen, blocks[inside])
    described = {}
    for name in kept:
        kind = msgspec.structs.replace(kinds[name], prediction=name in predictions)
        counts = counts_of(kind.bins_of(columns[name][inside]), places, len(chosen), kind.width)
        described[name] = msgspec.structs.replace(kind, counts=counts)
    return Reference(FORMAT, len(blocks), time, block, tuple(chosen.tolist()), described, left_out)


def _profile_column(values: Array, seen: Array | None, max_bytes: int) -> ColumnProfile:
    """How a column is described: by the values that are counted, and those that training has seen."""
    if values.dtype != object:
        known = values[np.isfinite(values)]
        low, high = _range(known, seen)
        return ColumnProfile((), edges=_edges(known), low=low, high=high)
    counted = Counter(value for value in values.tolist() if value is not None)
    rare = RARE_SHARE * counted.total()
    # By text where counts are equal, so that the choice is the same in every run.
    frequent = sorted(counted, key=lambda text: (-counted[text], text))[: 2 * BINS]
    return ColumnProfile(
        (),
        values=tuple(text for text in frequent if counted[text] >= rare),
        known=None if seen is None else _vocabulary({*counted, *seen.tolist()} - {None}, max_bytes),
    )


def _vocabulary(texts: set[str], max_bytes: int) -> tuple[str, ...] | None:
    """The texts that were seen, if there is room for them."""
    return tuple(sorted(texts)) if sum(len(text.encode()) + 3 for text in texts) <= max_bytes else None


def _edges(known: Array) -> tuple[float, ...]:
    """The ends of about ten bins of equally many rows, halfway between neighbours, so that rounding moves no row."""
    distinct, sizes = np.unique(known, return_counts=True)
    if len(distinct) < 2:
        return ()
    halfway = distinct[:-1] / 2 + distinct[1:] / 2
    if len(distinct) > 2 * BINS:
        cuts = np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])
        return tuple(np.unique(halfway[np.minimum(np.searchsorted(halfway, cuts), len(halfway) - 1)]).tolist())
    edges, below = [], 0
    for edge, size, reached in zip(halfway.tolist(), sizes.tolist(), np.cumsum(sizes).tolist(), strict=False):
        below += size
        if min(below, len(known) - reached) >= RARE_SHARE * len(known):
            edges.append(edge)
            below = 0
    return tuple(edges)


def _range(known: Array, seen: Array | None) -> tuple[float | None, float | None]:
    """From where to where numbers were seen.

    The rows that are counted are by themselves no measure of it: the next rows go beyond their range by chance, whole
    days of them. So without training rows the range is wider by a tenth.
    """
    if seen is not None:
        known = np.concatenate([known, seen[np.isfinite(seen)]])
    if not len(known):
        return None, None
    low, high = float(known.min()), float(known.max())
    margin = 0.0 if seen is not None else RANGE_MARGIN * (high / 2 - low / 2) * 2
    # A compiled model rounds otherwise on another machine.
    return low - margin - ROUNDING_MARGIN * abs(low), high + margin + ROUNDING_MARGIN * abs(high)


def _select_columns(kinds: Mapping[str, ColumnProfile]) -> tuple[list[str], tuple[str, ...]]:
    """The columns that fit with the fewest blocks; the last ones are left out, but the predictions stand last of all."""
    kept: list[str] = []
    room = MAX_CELLS // MIN_BLOCKS
    for name in reversed(list(kinds)):
        if kinds[name].width <= room:
            room -= kinds[name].width
            kept.append(name)
    return [name for name in kinds if name in kept], tuple(name for name in kinds if name not in kept)


def _sample_blocks(blocks: Integers, width: int) -> Integers:
    """The blocks that are kept, all where there are few: at random, since every n-th may always be a Monday."""
    there = np.unique(blocks)
    most = min(MAX_BLOCKS, max(MIN_BLOCKS, MAX_CELLS // max(1, width)))
    chosen = there if len(there) <= most else np.random.default_rng(0).choice(there, most, replace=False)
    return np.sort(chosen).astype(np.int64)
