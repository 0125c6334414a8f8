"""Read files of each format as chunks of rows; a malformed row is kept and reported, not dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from slipway.contract.schema import Contract
from slipway.errors import DataError
from slipway.tables.chunks import Chunk
from slipway.tables.csv_reader import csv_chunks, csv_schema
from slipway.tables.input_files import InputFile
from slipway.tables.json_reader import json_chunks, json_schema

_ROWS = 1 << 16
_BUFFER = 1 << 20
READ_ERRORS = (pa.ArrowException, OSError, EOFError, UnicodeDecodeError)
"""Errors that the libraries raise for a file that is not of its format."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Functions that read one file format: the schema, the chunks of rows, and the number of rows.

    ``chunks`` can omit chunks before the row to start at. ``row_count`` returns None if the format does not store it.
    """

    schema: Callable[[InputFile, Contract], pa.Schema]
    chunks: Callable[[InputFile, int, pa.Schema, int], Iterator[Chunk]]
    row_count: Callable[[InputFile], int | None] = lambda file: None


def schema_of(file: InputFile, contract: Contract) -> pa.Schema:
    """Return the columns of a file.

    Raises:
        DataError: the file is empty, truncated or not of its format.
    """
    try:
        schema = _READERS[file.format].schema(file, contract)
    except READ_ERRORS as error:
        raise DataError(f"{file.path} cannot be read: {_error_text(error)}") from None
    if twice := sorted({name for name in schema.names if schema.names.count(name) > 1}):
        raise DataError(f"{file.path} has more than one column named '{twice[0]}'")
    return schema


def row_count(file: InputFile) -> int | None:
    """Return the number of rows that the file's metadata states, or None if it has none."""
    return _READERS[file.format].row_count(file)


def chunks_of(file: InputFile, number: int, skip: int, wanted: pa.Schema) -> Iterator[Chunk]:
    """Yield the rows of a file from row ``skip`` on, with the ``wanted`` columns.

    Raises:
        DataError: the file is truncated or damaged from here on.
    """
    row = skip
    try:
        for found in _READERS[file.format].chunks(file, number, wanted, skip):
            row = max(found.first + found.count, skip)
            if row > skip:
                yield found if found.first >= skip else found.split_at(skip - found.first)[1]
    except READ_ERRORS as error:
        raise DataError(f"{file.path} cannot be read from row {row} on: {_error_text(error)}") from None
    if (stated := row_count(file)) is not None and stated != row:
        raise DataError(f"{file.path} should have {stated} rows, but {row} could be read")


def _error_text(error: Exception) -> str:
    return str(error).strip() or type(error).__name__


def _parquet_schema(file: InputFile, contract: Contract) -> pa.Schema:
    with file.open() as stream, pq.ParquetFile(stream) as opened:
        return opened.schema_arrow.remove_metadata()


def _parquet_rows(file: InputFile) -> int:
    with file.open() as stream, pq.ParquetFile(stream) as opened:
        return int(opened.metadata.num_rows)


def _parquet_chunks(file: InputFile, number: int, wanted: pa.Schema, skip: int) -> Iterator[Chunk]:
    with ExitStack() as stack:
        stream = stack.enter_context(file.open())
        # pre_buffer=True would read the complete file into memory.
        opened = stack.enter_context(
            pq.ParquetFile(stream, pre_buffer=False, buffer_size=_BUFFER, page_checksum_verification=True)
        )
        sizes = [opened.metadata.row_group(group).num_rows for group in range(opened.num_row_groups)]
        first = group = 0
        while group < len(sizes) and first + sizes[group] <= skip:
            first, group = first + sizes[group], group + 1
        groups = range(group, len(sizes))
        yield from _number_rows(number, first, opened.iter_batches(_ROWS, row_groups=groups, columns=wanted.names))


def _arrow_schema(file: InputFile, contract: Contract) -> pa.Schema:
    with file.open() as stream, pa.ipc.open_file(stream) as opened:
        return opened.schema.remove_metadata()


def _arrow_rows(file: InputFile) -> int:
    with file.open() as stream, pa.ipc.open_file(stream) as opened:
        return sum(opened.get_batch(place).num_rows for place in range(opened.num_record_batches))


def _arrow_chunks(file: InputFile, number: int, wanted: pa.Schema, skip: int) -> Iterator[Chunk]:
    with file.open() as stream, pa.ipc.open_file(stream) as opened:
        batches = (opened.get_batch(place).select(wanted.names) for place in range(opened.num_record_batches))
        yield from _number_rows(number, 0, batches)


def _number_rows(number: int, first: int, batches: Iterator[pa.RecordBatch]) -> Iterator[Chunk]:
    """Yield the batches as chunks; the first one begins at row ``first``."""
    for batch in batches:
        yield Chunk(number, first, len(batch), batch, np.arange(first, first + len(batch), dtype=np.int64))
        first += len(batch)


_READERS: Mapping[str, Reader] = {
    "parquet": Reader(_parquet_schema, _parquet_chunks, _parquet_rows),
    "arrow": Reader(_arrow_schema, _arrow_chunks, _arrow_rows),
    "csv": Reader(csv_schema, csv_chunks),
    "json": Reader(json_schema, json_chunks),
}
