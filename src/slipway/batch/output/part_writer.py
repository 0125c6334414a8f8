"""Write one part of a dataset and its quarantine file. Each file is complete on disk or absent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from slipway.batch.output.checkpoint import Checkpoint, PartRecord, part_name
from slipway.batch.plan import Format, Plan
from slipway.batch.scoring.column_statistics import merge
from slipway.batch.scoring.score_chunk import QUARANTINE, ScoredRows
from slipway.errors import DataError, StorageError
from slipway.storage import atomic
from slipway.storage.digests import file_digest
from slipway.tables.chunks import InputPosition, Unit, count_rows, position_after

QUARANTINE_FOLDER = "_quarantine"
"""Readers of datasets skip names that begin with ``_``, so they never read an invalid row as a prediction."""
MAX_EXAMPLES = 3


class PartWriter:
    """A part that is being written; its files get their names in the dataset in ``finish``."""

    def __init__(self, checkpoint: Checkpoint, plan: Plan, number: int) -> None:
        self._work, self._stem, self._identified = checkpoint, part_name(number), bool(plan.identity)
        self._name = f"{self._stem}.{plan.options.format}"
        self._output_file = _OutputFile(
            checkpoint.dataset / self._name, checkpoint.out, plan.schema, plan.options.format
        )
        self._quarantine_file: _OutputFile | None = None
        self._measures: list[dict[str, Any]] = []
        self._files: Counter[str] = Counter()
        self._rows = self._quarantined = 0
        self._seconds = 0.0
        self._next = InputPosition()

    def add(self, unit: Unit, scored: ScoredRows) -> None:
        """Append the scored and the invalid rows of a unit.

        Raises:
            StorageError: the disk is full or cannot be written.
            DataError: the result has more or fewer rows than the unit.
        """
        self._output_file.write(scored.batch)
        if scored.invalid:
            self._quarantine_rows(scored)
        self._files.update({str(number): 0 for number in {chunk.file for chunk in unit}})
        for chunk in unit:
            self._files[str(chunk.file)] += chunk.count
        self._measures.append(scored.measures)
        self._rows += len(scored.batch)
        self._quarantined += len(scored.invalid)
        self._seconds += scored.seconds
        self._next = position_after(unit)
        if len(scored.batch) + len(scored.invalid) != count_rows(unit):
            raise DataError(
                f"expected results for {count_rows(unit)} rows, got {len(scored.batch) + len(scored.invalid)}"
            )

    def finish(self) -> PartRecord:
        """Rename the files to their final names and write the record."""
        sha256 = self._finish_file(self._output_file)
        quarantine = (
            {f"{QUARANTINE_FOLDER}/{self._stem}.parquet": self._finish_file(self._quarantine_file)}
            if self._quarantine_file
            else {}
        )
        next_position = [self._next.file, self._next.row]
        record = PartRecord(
            self._name, sha256, self._rows, self._quarantined, quarantine, dict(self._files), next_position,
            merge(self._measures), self._seconds,
        )  # fmt: skip
        self._work.save_record(record)
        return record

    def _finish_file(self, file: _OutputFile) -> str:
        # A single file has no manifest and no next run, so its digest would never be read.
        path = file.finish()
        return file_digest(path) if self._identified else ""

    def discard(self) -> None:
        """Delete the unfinished files."""
        for file in (self._output_file, self._quarantine_file):
            if file is not None:
                file.discard()

    def _quarantine_rows(self, scored: ScoredRows) -> None:
        if self._quarantine_file is None:
            folder = self._work.dataset / QUARANTINE_FOLDER
            folder.mkdir(exist_ok=True)
            self._quarantine_file = _OutputFile(folder / f"{self._stem}.parquet", self._work.out, QUARANTINE, "parquet")
        columns = [
            pa.array(values, field.type)
            for values, field in zip(zip(*scored.invalid, strict=True), QUARANTINE, strict=True)
        ]
        self._quarantine_file.write(pa.RecordBatch.from_arrays(columns, schema=QUARANTINE))


def first_rows(quarantine: Path) -> list[dict[str, Any]]:
    """Return up to ``MAX_EXAMPLES`` rows of a quarantine: ``file``, ``row``, ``reasons`` and ``original`` of each."""
    with pq.ParquetFile(min(quarantine.iterdir())) as file:
        found: list[dict[str, Any]] = next(file.iter_batches(MAX_EXAMPLES)).to_pylist()
    return found


class _OutputFile:
    """A file that is written under a temporary name. Errors name OUT, which the user knows, and not this file."""

    def __init__(self, path: Path, out: Path, schema: pa.Schema, kind: Format) -> None:
        self._path, self._temporary, self._out = path, path.with_name(f".{path.name}.tmp"), out
        with _as_storage_error(out):
            self._streams = _open(self._temporary, schema, kind)

    def write(self, batch: pa.RecordBatch) -> None:
        with _as_storage_error(self._out):
            self._streams[0].write_batch(batch)

    def finish(self) -> Path:
        with _as_storage_error(self._out):
            for closable in self._streams:
                closable.close()
        atomic.move_file(self._temporary, self._path)
        return self._path

    def discard(self) -> None:
        for closable in self._streams:
            # After a full disk, closing fails too, and the file is deleted anyway.
            with suppress(OSError, pa.ArrowException):
                closable.close()
        self._temporary.unlink(missing_ok=True)


def _open(path: Path, schema: pa.Schema, kind: Format) -> list[Any]:
    """Open the writer, then the streams below it down to the file, in the order in which they must be closed."""
    file = path.open("wb")
    if kind == "parquet":
        return [pq.ParquetWriter(file, schema, compression="zstd"), file]
    streams = [pa.CompressedOutputStream(file, "gzip"), file] if kind == "csv.gz" else [file]
    return [csv.CSVWriter(streams[0], schema, write_options=csv.WriteOptions(quoting_style="needed")), *streams]


@contextmanager
def _as_storage_error(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"{out} cannot be written: {reason}; no partial file is left") from None
    except pa.ArrowException as error:
        raise DataError(f"{out} cannot store these columns: {error}; choose other columns with --keep") from None
