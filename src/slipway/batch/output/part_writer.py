"""Writes one part of a dataset with the rows that were set aside beside it: each file whole on the disk, or absent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from slipway.batch.output.checkpoint import Record, Work, part_name
from slipway.batch.plan import Format, Plan
from slipway.batch.scoring.column_statistics import fold
from slipway.batch.scoring.score_chunk import QUARANTINE, Scored
from slipway.errors import DataError, StorageError
from slipway.storage import atomic
from slipway.storage.digests import file_digest
from slipway.tables.chunks import Place, Unit, after, rows_in

QUARANTINE_FOLDER = "_quarantine"
"""Whatever reads a dataset leaves out names that begin with ``_``, so no bad row is taken for an answer."""
EXAMPLES = 3


class Part:
    """A part that is being written; its files have no name in the dataset before ``finish``."""

    def __init__(self, work: Work, plan: Plan, number: int) -> None:
        self._work, self._stem, self._identified = work, part_name(number), bool(plan.identity)
        self._name = f"{self._stem}.{plan.options.format}"
        self._answers = _File(work.dataset / self._name, work.out, plan.schema, plan.options.format)
        self._bad: _File | None = None
        self._measures: list[dict[str, Any]] = []
        self._files: Counter[str] = Counter()
        self._rows = self._quarantined = 0
        self._seconds = 0.0
        self._next = Place()

    def add(self, unit: Unit, scored: Scored) -> None:
        """Append what became of a unit.

        Raises:
            StorageError: the disk is full or the like.
        """
        self._answers.write(scored.batch)
        if scored.bad:
            self._set_aside(scored)
        self._files.update({str(number): 0 for number in {chunk.file for chunk in unit}})
        for chunk in unit:
            self._files[str(chunk.file)] += chunk.count
        self._measures.append(scored.measures)
        self._rows += len(scored.batch)
        self._quarantined += len(scored.bad)
        self._seconds += scored.seconds
        self._next = after(unit)
        if len(scored.batch) + len(scored.bad) != rows_in(unit):
            raise DataError(f"{rows_in(unit)} rows came but {len(scored.batch) + len(scored.bad)} were answered for")

    def finish(self) -> Record:
        """Give the files their names and write the record."""
        answers = self._finish(self._answers)
        quarantine = {f"{QUARANTINE_FOLDER}/{self._stem}.parquet": self._finish(self._bad)} if self._bad else {}
        record = Record(
            self._name, answers, self._rows, self._quarantined, quarantine, dict(self._files), list(self._next),
            fold(self._measures), self._seconds,
        )  # fmt: skip
        self._work.keep(record)
        return record

    def _finish(self, file: _File) -> str:
        # Only a manifest and the next run read the digest, and a single file has neither.
        path = file.finish()
        return file_digest(path) if self._identified else ""

    def discard(self) -> None:
        """Throw the files away."""
        for file in (self._answers, self._bad):
            if file is not None:
                file.discard()

    def _set_aside(self, scored: Scored) -> None:
        if self._bad is None:
            folder = self._work.dataset / QUARANTINE_FOLDER
            folder.mkdir(exist_ok=True)
            self._bad = _File(folder / f"{self._stem}.parquet", self._work.out, QUARANTINE, "parquet")
        columns = [
            pa.array(values, field.type)
            for values, field in zip(zip(*scored.bad, strict=True), QUARANTINE, strict=True)
        ]
        self._bad.write(pa.RecordBatch.from_arrays(columns, schema=QUARANTINE))


def first_rows(quarantine: Path) -> list[dict[str, Any]]:
    """A few rows of a quarantine: ``file``, ``row``, ``reasons`` and ``original`` of each."""
    with pq.ParquetFile(min(quarantine.iterdir())) as file:
        found: list[dict[str, Any]] = next(file.iter_batches(EXAMPLES)).to_pylist()
    return found


class _File:
    """A file that is being written under another name; what goes wrong is told of OUT, which people know."""

    def __init__(self, path: Path, out: Path, schema: pa.Schema, kind: Format) -> None:
        self._path, self._temporary, self._out = path, path.with_name(f".{path.name}.tmp"), out
        with _said_plainly(out):
            self._opened = _open(self._temporary, schema, kind)

    def write(self, batch: pa.RecordBatch) -> None:
        with _said_plainly(self._out):
            self._opened[0].write_batch(batch)

    def finish(self) -> Path:
        with _said_plainly(self._out):
            for closable in self._opened:
                closable.close()
        atomic.move_file(self._temporary, self._path)
        return self._path

    def discard(self) -> None:
        for closable in self._opened:
            # What was thrown away because the disk is full cannot be closed properly either.
            with suppress(OSError, pa.ArrowException):
                closable.close()
        self._temporary.unlink(missing_ok=True)


def _open(path: Path, schema: pa.Schema, kind: Format) -> list[Any]:
    """What takes the batches, and then what it writes through, down to the file: each is closed before the next."""
    file = path.open("wb")
    if kind == "parquet":
        return [pq.ParquetWriter(file, schema, compression="zstd"), file]
    streams = [pa.CompressedOutputStream(file, "gzip"), file] if kind == "csv.gz" else [file]
    return [csv.CSVWriter(streams[0], schema, write_options=csv.WriteOptions(quoting_style="needed")), *streams]


@contextmanager
def _said_plainly(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"{out} cannot be written: {reason}; nothing half-written was left") from None
    except pa.ArrowException as error:
        raise DataError(f"{out} cannot hold these columns: {error}; choose other columns with --keep") from None
