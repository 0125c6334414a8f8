"""Build the drift reference of a table: the bins of each column, and the number of rows per block in each bin."""

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
"""Maximum number of counts in total; with everything else in it, the file stays below one megabyte."""
RARE_SHARE = 0.01
"""A rarer value gets no separate bin: which values are rare depends on the sample."""
RANGE_MARGIN, ROUNDING_MARGIN = 0.1, 1e-9
MAX_TEXT_BYTES = 200_000
"""Maximum size of the known texts of all columns together."""


def reference_of(
    columns: Mapping[str, Array],
    blocks: Integers,
    *,
    time: str,
    block: str,
    predictions: Collection[str] = (),
    training: Mapping[str, Array] | None = None,
) -> Reference:
    """Build the reference of the rows in ``columns``.

    Args:
        columns: the values of each column.
        blocks: the calendar number of each row's block.
        time: the name of the time column; empty if there is none.
        block: the calendar unit of ``blocks``.
        predictions: the names of the columns that are predictions.
        training: the rows that the model was trained on; their values count as seen.
    """
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
    """Return the profile of a column without counts: its bins, and the values that were seen in training."""
    if values.dtype != object:
        known = values[np.isfinite(values)]
        low, high = _range(known, seen)
        return ColumnProfile((), edges=_edges(known), low=low, high=high)
    counted = Counter(value for value in values.tolist() if value is not None)
    rare = RARE_SHARE * counted.total()
    # Ties are sorted by text, so that every run chooses the same values.
    frequent = sorted(counted, key=lambda text: (-counted[text], text))[: 2 * BINS]
    return ColumnProfile(
        (),
        values=tuple(text for text in frequent if counted[text] >= rare),
        known=None if seen is None else _vocabulary({*counted, *seen.tolist()} - {None}, max_bytes),
    )


def _vocabulary(texts: set[str], max_bytes: int) -> tuple[str, ...] | None:
    """Return the texts that were seen, or None if they exceed ``max_bytes``."""
    return tuple(sorted(texts)) if sum(len(text.encode()) + 3 for text in texts) <= max_bytes else None


def _edges(known: Array) -> tuple[float, ...]:
    """Return the edges of about ten bins with equally many rows.

    Each edge is halfway between two neighboring values, so that rounding moves no row into another bin.
    """
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
    """Return the lowest and the highest number that count as seen.

    The range of the counted rows alone is too narrow: later rows exceed it by chance, often for complete days. So without
    training rows the range is extended by ``RANGE_MARGIN`` on both sides.
    """
    if seen is not None:
        known = np.concatenate([known, seen[np.isfinite(seen)]])
    if not len(known):
        return None, None
    low, high = float(known.min()), float(known.max())
    margin = 0.0 if seen is not None else RANGE_MARGIN * (high / 2 - low / 2) * 2
    # A compiled model rounds differently on another machine, so a prediction at the edge must not fall outside.
    return low - margin - ROUNDING_MARGIN * abs(low), high + margin + ROUNDING_MARGIN * abs(high)


def _select_columns(kinds: Mapping[str, ColumnProfile]) -> tuple[list[str], tuple[str, ...]]:
    """Return the columns that fit if there are only ``MIN_BLOCKS`` blocks, and those that do not.

    Later columns have priority, because the predictions come last and must be kept.
    """
    kept: list[str] = []
    room = MAX_CELLS // MIN_BLOCKS
    for name in reversed(list(kinds)):
        if kinds[name].width <= room:
            room -= kinds[name].width
            kept.append(name)
    return [name for name in kinds if name in kept], tuple(name for name in kinds if name not in kept)


def _sample_blocks(blocks: Integers, width: int) -> Integers:
    """Return the blocks to keep: all if they are few, else a random sample, since every n-th could always be a Monday."""
    present = np.unique(blocks)
    most = min(MAX_BLOCKS, max(MIN_BLOCKS, MAX_CELLS // max(1, width)))
    chosen = present if len(present) <= most else np.random.default_rng(0).choice(present, most, replace=False)
    return np.sort(chosen).astype(np.int64)
