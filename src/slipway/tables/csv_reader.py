"""CSV as chunks of raw bytes: no value is judged here, and a row with too many or too few fields stops nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from slipway.contract.schema import Contract
from slipway.tables.arrow_columns import TEXT_TYPES
from slipway.tables.chunks import Broken, Chunk
from slipway.tables.input_files import Input

BLOCK = 1 << 23
"""The longest row that can be read, in bytes, and how much is read at a time."""
_HEADER_ROWS = 2
"""pyarrow counts rows from 1, and the header is one."""


def csv_schema(file: Input, contract: Contract) -> pa.Schema:
    """The header's columns: those of the contract by its types, every other one as the very text that it is."""
    names = _header(file)
    types = {column.name: TEXT_TYPES[column.type] for column in contract.inputs}
    return pa.schema([pa.field(name, types.get(name, pa.string())) for name in names])


def csv_chunks(file: Input, number: int, wanted: pa.Schema) -> Iterator[Chunk]:
    """Every row, of which the fields are bytes."""
    broken: list[Broken] = []
    last = _header(file)[-1]
    names = list(dict.fromkeys([*wanted.names, last]))
    convert = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.binary()), include_columns=names, strings_can_be_null=False
    )
    first, end = 0, b""
    with file.open() as stream, _reader(stream, file, convert, broken) as reader:
        for batch in reader:
            end = batch.column(last)[-1].as_py() if len(batch) else end
            found = _chunk(number, first, batch.select(wanted.names), broken)
            first += found.count
            yield found
    if broken:
        nothing = pa.RecordBatch.from_pylist([], pa.schema([pa.field(name, pa.binary()) for name in wanted.names]))
        yield Chunk(number, first, len(broken), nothing, np.empty(0, np.int64), tuple(broken))
    elif b"\n" in end and not _ends_with_quote(file):
        raise pa.ArrowInvalid(f"a quote in row {first - 1} is never closed, so all that follows it is one field")


def _header(file: Input) -> list[str]:
    with file.open() as stream, _reader(stream, file, csv.ConvertOptions(), []) as reader:
        return list(reader.schema.names)


def _ends_with_quote(file: Input) -> bool:
    """Whether a file of which the last field has several lines closes it; pyarrow takes one that does not."""
    last = b""
    with file.open() as stream:
        raw = _unzipped(stream, file)
        while block := raw.read(BLOCK):
            last = block.rstrip(b"\r\n") or last
    return last.endswith(b'"')


def _chunk(file: int, first: int, batch: pa.RecordBatch, broken: list[Broken]) -> Chunk:
    """Number the rows that have fields around the broken ones, which are told ahead of the batch they stand in."""
    taken = np.array([row.number for row in broken], dtype=np.int64)
    numbers = np.setdiff1d(np.arange(first, first + len(batch) + len(broken)), taken)[: len(batch)]
    end = int(numbers[-1]) + 1 if len(numbers) else first
    within = tuple(row for row in broken if row.number < end)
    del broken[: len(within)]
    return Chunk(file, first, end - first, batch, numbers, within)


def _reader(stream: Any, file: Input, convert: csv.ConvertOptions, broken: list[Broken]) -> csv.CSVStreamingReader:
    def skip(row: Any) -> str:
        reason = f"the row has {row.actual_columns} fields but the header has {row.expected_columns}"
        broken.append(Broken(row.number - _HEADER_ROWS, reason, row.text))
        return "skip"

    parse = csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip)
    # With threads of its own pyarrow tells no row numbers; the threads that score are busy enough.
    read = csv.ReadOptions(block_size=BLOCK, use_threads=False)
    return csv.open_csv(_unzipped(stream, file), read, parse, convert)


def _unzipped(stream: pa.NativeFile, file: Input) -> pa.NativeFile:
    return pa.CompressedInputStream(stream, "gzip") if file.zipped else stream
