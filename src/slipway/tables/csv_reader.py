"""Read CSV files as chunks of raw fields; a row with a wrong number of fields is kept as malformed.

Also finds the line on which a row begins, as an editor shows it: empty lines and quoted newlines count.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from pyarrow.csv import ConvertOptions, CSVStreamingReader, ParseOptions, ReadOptions, open_csv

from slipway.contract.schema import Contract
from slipway.tables.arrow_columns import TEXT_TYPES
from slipway.tables.chunks import Chunk, MalformedRow
from slipway.tables.input_files import InputFile

BLOCK = 1 << 23
"""Bytes that are read at a time, and so the longest row that can be read."""
_HEADER_ROWS = 2
"""pyarrow counts rows from 1 and counts the header, so the first data row is its row 2."""
_BOM = b"\xef\xbb\xbf"


def csv_schema(file: InputFile, contract: Contract) -> pa.Schema:
    """Return the columns of the header: those of the contract with its types, all others as text."""
    names = _header(file)
    types = {column.name: TEXT_TYPES[column.type] for column in contract.inputs}
    return pa.schema([pa.field(name, types.get(name, pa.string())) for name in names])


def csv_chunks(file: InputFile, number: int, wanted: pa.Schema, skip: int) -> Iterator[Chunk]:
    """Yield all rows with their fields as bytes; ``skip`` is ignored, because a text file has no index of its rows."""
    broken: list[MalformedRow] = []
    last = _header(file)[-1]
    names = list(dict.fromkeys([*wanted.names, last]))
    convert = ConvertOptions(
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
        raise pa.ArrowInvalid(f"a quote in row {first - 1} is never closed, so everything after it is one field")


def find_lines(file: InputFile, rows: Collection[int]) -> dict[int, int]:
    """Return the line (from 1) of each of these rows (from 0 after the header), if it can be found.

    The file is read a second time, up to the last of these rows, because pyarrow does not report line numbers.
    """
    found: dict[int, int] = {}
    with suppress(OSError, EOFError, csv.Error), io.BufferedReader(_decompress(file.open(), file)) as raw:
        for row, line in _row_starts(_lines(raw)):
            if row in rows:
                found[row] = line
            if row >= max(rows):
                break
    return found


def _header(file: InputFile) -> list[str]:
    with file.open() as stream, _reader(stream, file, ConvertOptions(), []) as reader:
        return list(reader.schema.names)


def _ends_with_quote(file: InputFile) -> bool:
    """Return whether the last field of a file ends with a quote; pyarrow accepts a quoted field that is never closed."""
    last = b""
    with file.open() as stream:
        raw = _decompress(stream, file)
        while block := raw.read(BLOCK):
            last = block.rstrip(b"\r\n") or last
    return last.endswith(b'"')


def _chunk(file: int, first: int, batch: pa.RecordBatch, broken: list[MalformedRow]) -> Chunk:
    """Number the readable rows around the malformed ones, which pyarrow reports before the batch that they belong to."""
    taken = np.array([row.number for row in broken], dtype=np.int64)
    numbers = np.setdiff1d(np.arange(first, first + len(batch) + len(broken)), taken)[: len(batch)]
    end = int(numbers[-1]) + 1 if len(numbers) else first
    within = tuple(row for row in broken if row.number < end)
    del broken[: len(within)]
    return Chunk(file, first, end - first, batch, numbers, within)


def _reader(stream: Any, file: InputFile, convert: ConvertOptions, broken: list[MalformedRow]) -> CSVStreamingReader:
    def skip(row: Any) -> str:
        reason = f"the row has {row.actual_columns} fields but the header has {row.expected_columns}"
        broken.append(MalformedRow(row.number - _HEADER_ROWS, reason, row.text))
        return "skip"

    parse = ParseOptions(newlines_in_values=True, invalid_row_handler=skip)
    # With use_threads=True pyarrow reports no row numbers; and scoring keeps the processors busy anyway.
    read = ReadOptions(block_size=BLOCK, use_threads=False)
    return open_csv(_decompress(stream, file), read, parse, convert)


def _decompress(stream: pa.NativeFile, file: InputFile) -> pa.NativeFile:
    return pa.CompressedInputStream(stream, "gzip") if file.zipped else stream


def _row_starts(lines: Iterator[str]) -> Iterator[tuple[int, int]]:
    """Yield the number of each row and the line on which it begins."""
    reader = csv.reader(lines)
    next(reader, None)
    row, line = 0, reader.line_num + 1
    for fields in reader:
        if fields:  # pyarrow does not count an empty line as a row either
            yield row, line
            row += 1
        line = reader.line_num + 1


def _lines(file: BinaryIO) -> Iterator[str]:
    """Yield the lines, decoded as Latin-1: it has a character for every byte, so decoding cannot fail."""
    for number, line in enumerate(file):
        yield (line if number else line.removeprefix(_BOM)).decode("latin-1")
