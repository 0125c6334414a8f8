"""Are a job's predictions far from those that its release made for the holdout?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from slipway.statistics.divergence import Counts, stability_index
from slipway.statistics.reference import Described, Reference

LARGE = 0.25
"""The stability index of what is called a large shift."""
FEWEST = 100
"""With fewer rows that stand for the others, a large index is no news."""
Measures = Mapping[str, Mapping[str, Any]]


def distant(reference: Reference | None, release: str, parts: Sequence[Measures]) -> list[str]:
    """What is far: by a large stability index, and by more than any one block of the reference is from all of it.

    ``parts`` are the measures of the dataset's parts. A dataset is often a day's, and so is a block.
    """
    columns = reference.columns if reference else {}
    return [
        sentence
        for name, kind in columns.items()
        if kind.prediction
        for sentence in _distant(name, kind, reference.block if reference else "", release, parts)
    ]


def _distant(name: str, kind: Described, block: str, release: str, parts: Sequence[Measures]) -> Iterator[str]:
    counted = [_counts(kind, part[name]) for part in parts if name in part]
    now = np.sum(counted, axis=0) if counted else np.zeros(kind.width)
    blocks = np.array(kind.counts)
    usual = float(stability_index(blocks.sum(axis=0), blocks).max()) if block != "row" else 0.0
    found = float(stability_index(blocks.sum(axis=0), now))
    if now.sum() >= FEWEST and found > max(LARGE, usual):
        each = f", and no {block} of the reference by more than {usual:.2f}" if block != "row" else ""
        yield (
            f"'{name}' is far from the reference of {release}: by a stability index of {found:.2f}, where {LARGE:g} is "
            f"large{each}"
        )


def _counts(kind: Described, told: Mapping[str, Any]) -> Counts:
    """About how many of the rows that stand for a part are in each bin."""
    if "values" in told:
        texts, weights = np.array(list(told["values"]), dtype=object), np.array(list(told["values"].values()), float)
        counts = np.bincount(kind.bins_of(texts), weights, kind.width)
        counts[kind.null] += told["nulls"]
        return counts
    points = np.array(told["quantiles"], dtype=np.float64)
    if not len(points):
        return np.zeros(kind.width)
    return np.bincount(kind.bins_of(points), np.full(len(points), told["sampled"] / len(points)), kind.width)
