"""Cut the rows of input files into units of a fixed size, independent of the chunks in which a file was read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

UNIT = 1 << 16
"""Number of input rows that are scored together. Every part of a dataset is a multiple of it, so a re-run cuts alike."""


@dataclass(frozen=True, slots=True)
class MalformedRow:
    """A row that could not be split into its fields: its number in the file, the reason, and its text."""

    number: int
    reason: str
    text: str


@dataclass(frozen=True)
class Chunk:
    """The ``count`` rows of a file from row ``first`` on: the readable ones with their numbers, and the malformed ones."""

    file: int
    first: int
    count: int
    batch: pa.RecordBatch
    numbers: npt.NDArray[np.int64]
    broken: tuple[MalformedRow, ...] = ()

    def split_at(self, rows: int) -> tuple[Chunk, Chunk]:
        """Return the first ``rows`` rows, and the rest."""
        end = self.first + rows
        index = int(np.searchsorted(self.numbers, end))
        return (
            replace(
                self, count=rows, batch=self.batch.slice(0, index), numbers=self.numbers[:index],
                broken=tuple(row for row in self.broken if row.number < end),
            ),
            replace(
                self, first=end, count=self.count - rows, batch=self.batch.slice(index), numbers=self.numbers[index:],
                broken=tuple(row for row in self.broken if row.number >= end),
            ),
        )  # fmt: skip


Unit = list[Chunk]


@dataclass(frozen=True, slots=True)
class InputPosition:
    """The position in the input at which a part of the output begins: the index of a file and a row in it."""

    file: int = 0
    row: int = 0


def units(chunks: Iterator[Chunk], size: int = UNIT) -> Iterator[Unit]:
    """Yield units of exactly ``size`` rows; the last one has the remaining rows."""
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
    """Return the number of input rows in a unit."""
    return sum(chunk.count for chunk in unit)


def position_after(unit: Unit) -> InputPosition:
    """Return the position of the row that follows a unit in the same file."""
    return InputPosition(unit[-1].file, unit[-1].first + unit[-1].count)
