"""Count rows in the bins of a reference, by block, in memory that does not grow with the number of rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from slipway.drift.rows import Rows
from slipway.errors import DataError
from slipway.statistics.reference import ColumnProfile, Reference, counts_of
from slipway.statistics.sample import Integers
from slipway.statistics.time_blocks import calendar_numbers, first_days

Counts = npt.NDArray[Any]
UNDATED = -(1 << 40)
"""The single block of rows without timestamps: a number that no calendar day has."""


class BinCounts:
    """The counts of each column by block."""

    def __init__(self, reference: Reference, ignore: Collection[str] = ()) -> None:
        self.reference = reference
        self.rows = self.broken = 0
        self.block_rows: dict[int, int] = {}
        self._profiles = {name: kind for name, kind in reference.columns.items() if name not in ignore}
        self._counts: dict[str, dict[int, Counts]] = {}

    @property
    def columns(self) -> list[str]:
        """The columns of the reference that the rows have, in its order."""
        return [name for name in self._profiles if name in self._counts]

    @property
    def blocks(self) -> list[int]:
        """The calendar numbers of the blocks that the rows are in, in order."""
        return sorted(self.block_rows)

    @property
    def dated(self) -> bool:
        """Whether the rows have timestamps."""
        return self.blocks != [UNDATED]

    @property
    def days(self) -> npt.NDArray[np.datetime64]:
        """The first day of each block."""
        block = "day" if self.reference.block == "row" else self.reference.block
        return first_days(np.array(self.blocks, dtype=np.int64), block)

    def add(self, rows: Rows) -> None:
        """Count a batch of rows.

        Raises:
            DataError: the rows have no timestamps, but the reference is divided into blocks of time.
        """
        numbers, indices = np.unique(self._blocks(rows), return_inverse=True)
        self.rows += rows.size
        self.broken += rows.broken
        for number, size in zip(numbers.tolist(), np.bincount(indices, minlength=len(numbers)).tolist(), strict=True):
            self.block_rows[number] = self.block_rows.get(number, 0) + size
        for name, kind in self._profiles.items():
            if name in rows.columns:
                self._count(name, kind, rows.columns[name], numbers, indices)

    def counts(self, name: str, blocks: Iterable[int]) -> Counts:
        """Return the counts of a column, of shape [blocks, bins]."""
        width = self._profiles[name].width
        nothing = np.zeros(width, dtype=np.int64)
        found = [self._counts[name].get(block, nothing) for block in blocks]
        return np.array(found, dtype=np.int64).reshape(len(found), width)

    def _count(
        self, name: str, profile: ColumnProfile, values: Counts, block_numbers: Integers, block_indices: Integers
    ) -> None:
        table = counts_of(profile.bins_of(values), block_indices, len(block_numbers), profile.width)
        counts = self._counts.setdefault(name, {})
        for number, row in zip(block_numbers.tolist(), table, strict=True):
            counts[number] = counts.get(number, 0) + np.array(row)

    def _blocks(self, rows: Rows) -> Integers:
        if rows.times is not None:
            return calendar_numbers(rows.times, "day" if self.reference.block == "row" else self.reference.block)
        if self.reference.block != "row":
            raise DataError(
                f"the rows have no column '{self.reference.time}', but the reference is divided by it into blocks of a "
                f"{self.reference.block}; the effect of chance cannot be computed; keep the column with --keep"
            )
        return np.full(rows.size, UNDATED, dtype=np.int64)
