"""Counts the rows that are looked at in the bins of a reference, by block, in memory that does not grow with them."""

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
"""The one block of rows without a time: no day that anybody has lived."""


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
        """The columns that were there, in the order of the reference."""
        return [name for name in self._profiles if name in self._counts]

    @property
    def blocks(self) -> list[int]:
        """The calendar numbers of the blocks that were there, in order."""
        return sorted(self.block_rows)

    @property
    def dated(self) -> bool:
        """Whether the rows have a time."""
        return self.blocks != [UNDATED]

    @property
    def days(self) -> npt.NDArray[np.datetime64]:
        """The day on which each of the blocks begins."""
        block = "day" if self.reference.block == "row" else self.reference.block
        return first_days(np.array(self.blocks, dtype=np.int64), block)

    def add(self, rows: Rows) -> None:
        """Count some rows.

        Raises:
            DataError: they have no time, and the reference's rows are in blocks of time.
        """
        there, places = np.unique(self._blocks(rows), return_inverse=True)
        self.rows += rows.size
        self.broken += rows.broken
        for number, size in zip(there.tolist(), np.bincount(places, minlength=len(there)).tolist(), strict=True):
            self.block_rows[number] = self.block_rows.get(number, 0) + size
        for name, kind in self._profiles.items():
            if name in rows.columns:
                self._count(name, kind, rows.columns[name], there, places)

    def counts(self, name: str, blocks: Iterable[int]) -> Counts:
        """The counts of a column [blocks, bins]."""
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
                f"the rows have no column '{self.reference.time}', by which the reference's are in blocks of a "
                f"{self.reference.block}; without it nobody can say what chance does; keep it with --keep"
            )
        return np.full(rows.size, UNDATED, dtype=np.int64)
