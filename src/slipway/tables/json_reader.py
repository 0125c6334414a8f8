"""Read JSON Lines as chunks, one object per line; a line that is not an object or has a wrong type is malformed."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import json

from slipway.contract.schema import Contract
from slipway.tables.arrow_columns import TEXT_TYPES
from slipway.tables.chunks import Chunk, MalformedRow
from slipway.tables.csv_types import text_of
from slipway.tables.input_files import InputFile

_BYTES = 1 << 23
"""Bytes that are read at a time, and the longest line that can be read."""
_SCHEMA_LINES = 1000
"""Number of lines from which the types of columns outside the contract are inferred."""
Row = tuple[int, bytes]


def json_schema(file: InputFile, contract: Contract) -> pa.Schema:
    """Return the columns of the first lines: those of the contract with its types, all others with inferred types."""
    types = {column.name: TEXT_TYPES[column.type] for column in contract.inputs}
    with file.open() as stream:
        rows = next(_blocks(stream, file), [])[:_SCHEMA_LINES]
    found, broken = _parse_by_halves(rows, None)
    if not found:
        why = f": {broken[0].reason}" if broken else ""
        raise pa.ArrowInvalid(f"none of the first lines is a JSON object{why}")
    names = dict.fromkeys(name for batch in found for name in batch.schema.names)
    kinds = {name: batch.schema.field(name).type for batch in found for name in batch.schema.names}
    absent = [c.name for c in contract.inputs if c.nullable and c.name not in names]
    return pa.schema([pa.field(name, types.get(name, kinds.get(name))) for name in [*names, *absent]])


def json_chunks(file: InputFile, number: int, wanted: pa.Schema, skip: int) -> Iterator[Chunk]:
    """Yield all lines with their values in the wanted types, and null for a missing one; ``skip`` is ignored."""
    with file.open() as stream:
        for rows in _blocks(stream, file):
            batches, broken = _parse_by_halves(rows, wanted)
            table = pa.Table.from_batches(batches, wanted).combine_chunks()
            batch = table.to_batches()[0] if len(table) else pa.RecordBatch.from_pylist([], wanted)
            malformed = {row.number for row in broken}
            numbers = np.array([place for place, _ in rows if place not in malformed], dtype=np.int64)
            yield Chunk(number, rows[0][0], len(rows), batch, numbers, tuple(broken))


def _blocks(stream: Any, file: InputFile) -> Iterator[list[Row]]:
    """Yield numbered lines, some megabytes at a time; an empty line does not count as a row."""
    first = 0
    for block in _lines(gzip.GzipFile(fileobj=stream) if file.zipped else stream):
        kept = [line for line in block if line.strip()]
        if kept:
            yield list(enumerate(kept, first))
        first += len(kept)


def _lines(stream: Any) -> Iterator[list[bytes]]:
    rest = b""
    while block := stream.read(_BYTES):
        *lines, rest = (rest + block).split(b"\n")
        yield lines
        if len(rest) > _BYTES:
            raise pa.ArrowInvalid(f"a line is longer than {_BYTES >> 20} MB")
    yield [rest]


def _parse_by_halves(rows: list[Row], wanted: pa.Schema | None) -> tuple[list[pa.RecordBatch], list[MalformedRow]]:
    """Parse all rows at once if possible; otherwise halve them again and again until the malformed lines are isolated."""
    if not rows:
        return [], []
    try:
        return [_parse(rows, wanted)], []
    except (pa.ArrowException, UnicodeDecodeError) as error:
        if len(rows) == 1:
            reason = str(error).removeprefix("JSON parse error: ").removesuffix(" in row 0")
            return [], [MalformedRow(rows[0][0], reason, text_of(rows[0][1]).rstrip("\r\n"))]
    middle = len(rows) // 2
    left, right = _parse_by_halves(rows[:middle], wanted), _parse_by_halves(rows[middle:], wanted)
    return left[0] + right[0], left[1] + right[1]


def _parse(rows: list[Row], wanted: pa.Schema | None) -> pa.RecordBatch:
    text = b"\n".join(line for _, line in rows)
    text.decode()  # raises UnicodeDecodeError, so a line that is not UTF-8 is reported as malformed
    behavior = "infer" if wanted is None else "ignore"
    options = json.ParseOptions(explicit_schema=wanted, unexpected_field_behavior=behavior, newlines_in_values=False)
    table = json.read_json(io.BytesIO(text), json.ReadOptions(block_size=len(text) + 1), options)
    if len(table) != len(rows):
        raise pa.ArrowInvalid(f"{len(table)} objects in {len(rows)} lines")
    return table.combine_chunks().to_batches()[0]
