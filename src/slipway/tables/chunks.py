"""Rows as they came from one file, with their numbers, cut into units that do not depend on how they were read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

UNIT = 1 << 16
"""Input rows that are scored together. Every part is a whole number of units, whichever run makes it."""


@dataclass(frozen=True, slots=True)
class MalformedRow:
    """A row that could not even be split into its fields: its number in the file, why, and its text."""

    number: int
    reason: str
    text: str


@dataclass(frozen=True)
class Chunk:
    """The rows ``first`` to ``first + count`` of a file: those that have fields, with their numbers, and the broken."""

    file: int
    first: int
    count: int
    batch: pa.RecordBatch
    numbers: npt.NDArray[np.int64]
    broken: tuple[MalformedRow, ...] = ()

    def split_at(self, rows: int) -> tuple[Chunk, Chunk]:
        """The first ``rows`` rows, and the others."""
        end = self.first + rows
        place = int(np.searchsorted(self.numbers, end))
        return (
            replace(
                self, count=rows, batch=self.batch.slice(0, place), numbers=self.numbers[:place],
                broken=tuple(row for row in self.broken if row.number < end),
            ),
            replace(
                self, first=end, count=self.count - rows, batch=self.batch.slice(place), numbers=self.numbers[place:],
                broken=tuple(row for row in self.broken if row.number >= end),
            ),
        )  # fmt: skip


Unit = list[Chunk]


@dataclass(frozen=True, slots=True)
class InputPosition:
    """Where a part of the output begins in the input: a file and a row of it."""

    file: int = 0
    row: int = 0


def units(chunks: Iterator[Chunk], size: int = UNIT) -> Iterator[Unit]:
    """Exactly ``size`` rows at a time, and at the end what is left."""
    unit: Unit = []
    missing = size
    for rest in chunks:
        while rest.count >= missing:
            head, rest = rest.split_at(missing)
            yield [*unit, head]
            unit, missing = [], size
        if rest.count:
            unit.append(rest)
            missing -= rest.count
    if unit:
        yield unit


def count_rows(unit: Unit) -> int:
    """How many input rows a unit holds."""
    return sum(chunk.count for chunk in unit)


def position_after(unit: Unit) -> InputPosition:
    """The place of the row that follows a unit in the same file."""
    return InputPosition(unit[-1].file, unit[-1].first + unit[-1].count)
