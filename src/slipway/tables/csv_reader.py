"""CSV as chunks of raw bytes: no value is judged here, and a row with too many or too few fields stops nothing.

Also on which line a row begins, which is what an editor shows: empty lines and quoted newlines count.
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
"""The longest row that can be read, in bytes, and how much is read at a time."""
_HEADER_ROWS = 2
"""pyarrow counts rows from 1, and the header is one."""
_BOM = b"\xef\xbb\xbf"


def csv_schema(file: InputFile, contract: Contract) -> pa.Schema:
    """The header's columns: those of the contract by its types, every other one as the very text that it is."""
    names = _header(file)
    types = {column.name: TEXT_TYPES[column.type] for column in contract.inputs}
    return pa.schema([pa.field(name, types.get(name, pa.string())) for name in names])


def csv_chunks(file: InputFile, number: int, wanted: pa.Schema, skip: int) -> Iterator[Chunk]:
    """Every row, of which the fields are bytes; also those before ``skip``, since text has no index to find it by."""
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
        raise pa.ArrowInvalid(f"a quote in row {first - 1} is never closed, so all that follows it is one field")


def find_lines(file: InputFile, rows: Collection[int]) -> dict[int, int]:
    """The line, from 1, of each of these rows, which count from 0 after the header; none where it cannot be found.

    The file is read a second time, up to the last of them: pyarrow tells no line.
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
    """Whether a file of which the last field has several lines closes it; pyarrow takes one that does not."""
    last = b""
    with file.open() as stream:
        raw = _decompress(stream, file)
        while block := raw.read(BLOCK):
            last = block.rstrip(b"\r\n") or last
    return last.endswith(b'"')


def _chunk(file: int, first: int, batch: pa.RecordBatch, broken: list[MalformedRow]) -> Chunk:
    """Number the rows that have fields around the broken ones, which are told ahead of the batch they stand in."""
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
    # With threads of its own pyarrow tells no row numbers; the threads that score are busy enough.
    read = ReadOptions(block_size=BLOCK, use_threads=False)
    return open_csv(_decompress(stream, file), read, parse, convert)


def _decompress(stream: pa.NativeFile, file: InputFile) -> pa.NativeFile:
    return pa.CompressedInputStream(stream, "gzip") if file.zipped else stream


def _row_starts(lines: Iterator[str]) -> Iterator[tuple[int, int]]:
    """Each row's number and the line on which it begins."""
    reader = csv.reader(lines)
    next(reader, None)
    row, line = 0, reader.line_num + 1
    for fields in reader:
        if fields:  # an empty line is no row, for pyarrow too
            yield row, line
            row += 1
        line = reader.line_num + 1


def _lines(file: BinaryIO) -> Iterator[str]:
    """The lines in an encoding that has a character for every byte."""
    for number, line in enumerate(file):
        yield (line if number else line.removeprefix(_BOM)).decode("latin-1")
