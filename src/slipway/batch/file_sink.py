"""The file that a job writes: complete and on the disk, or not there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from slipway.errors import DataError, SettingsError, StorageError


class Sink:
    """Where batches of one schema go."""

    def __init__(self, path: Path, schema: pa.Schema, writer: Any) -> None:
        self.path = path
        self.schema = schema
        self._writer = writer

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch.

        Raises:
            StorageError: the disk is full or the like.
        """
        with _said_plainly(self.path):
            self._writer.write_batch(batch)


def check_destination(source: Path, out: Path) -> None:
    """Refuse what could only fail at the end of the job.

    Raises:
        SettingsError: the suffix is none that we write, or the output is the input.
        StorageError: the output's folder does not exist, or a folder has its name.
    """
    if not out.name.lower().endswith((".csv", ".csv.gz", ".parquet")):
        raise SettingsError(f"{out} must end in .csv, .csv.gz or .parquet, which says how it is written")
    if out.exists() and source.exists() and out.samefile(source):
        raise SettingsError(f"{out} is both the input and the output; give the output another name")
    if out.is_dir() or not out.parent.is_dir():
        what = "it is a folder" if out.is_dir() else f"there is no folder {out.parent}"
        raise StorageError(f"{out} cannot be written: {what}")


@contextmanager
def open_sink(out: Path, schema: pa.Schema) -> Iterator[Sink]:
    """A sink beside ``out`` that takes its name only when the block ends without an error.

    Raises:
        StorageError: it cannot be written or renamed; nothing half-written is left.
    """
    temporary = out.with_name(f".{out.name}.{secrets.token_hex(4)}.tmp")
    try:
        with _said_plainly(out):
            file = temporary.open("xb")
        yield from _written(file, out, schema)
        with _said_plainly(out):
            _sync(temporary)
            temporary.replace(out)
            _sync(out.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _written(file: IO[bytes], out: Path, schema: pa.Schema) -> Iterator[Sink]:
    opened: list[Any] = [file]
    try:
        with _said_plainly(out):
            opened.append(pa.CompressedOutputStream(file, "gzip") if out.name.lower().endswith(".gz") else file)
            opened.append(_writer(opened[-1], out, schema))
        yield Sink(out, schema, opened[-1])
        with _said_plainly(out):
            opened[2].close()
            opened[1].close()
    except BaseException:
        for closable in reversed(opened):
            # The file is being thrown away because of the first error, which is the one to tell.
            with suppress(OSError, pa.ArrowException):
                closable.close()
        raise


def _writer(stream: Any, out: Path, schema: pa.Schema) -> Any:
    if out.name.lower().endswith(".parquet"):
        return pq.ParquetWriter(stream, schema, compression="zstd")
    return csv.CSVWriter(stream, schema, write_options=csv.WriteOptions(quoting_style="needed"))


@contextmanager
def _said_plainly(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"{out} cannot be written: {reason}; nothing half-written was left") from None
    except pa.ArrowException as error:
        raise DataError(f"{out} cannot hold these columns: {error}; choose other columns with --keep") from None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
