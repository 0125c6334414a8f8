"""Parse the fields of a CSV file into typed columns by the rules of pyarrow's reader, and collect the invalid fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, types

from slipway.contract.schema import Column, Contract
from slipway.contract.validation import boolean_hint, describe_type, format_value
from slipway.tables.arrow_columns import string_array

_NULLS = string_array(csv.ConvertOptions().null_values)
_EMPTY = string_array([""])[0]
_NULL = pa.nulls(1, pa.string())[0]
_TRUE = string_array(csv.ConvertOptions().true_values)
_FALSE = string_array(csv.ConvertOptions().false_values)
_UTF8 = "the bytes are not valid UTF-8"


@dataclass(frozen=True, slots=True)
class InvalidField:
    """A field that is not a value of its column's type; rows count within the batch."""

    row: int
    column: str
    reason: str

    def __str__(self) -> str:
        return f"column '{self.column}': {self.reason}"


def parse_fields(
    batch: pa.RecordBatch, wanted: pa.Schema, contract: Contract
) -> tuple[pa.RecordBatch, list[InvalidField]]:
    """Return a batch of raw fields in the wanted types, with null for each invalid field, and the invalid fields."""
    columns = {column.name: column for column in contract.inputs}
    found: list[InvalidField] = []
    arrays = []
    for field in wanted:
        values, wrong = _parse_column(batch.column(field.name), field.type, columns.get(field.name))
        found += [InvalidField(row, field.name, reason) for row, reason in wrong]
        arrays.append(values)
    return pa.RecordBatch.from_arrays(arrays, schema=wanted), found


def text_of(raw: bytes) -> str:
    """Return the bytes of a field as readable text, whatever their encoding."""
    return raw.decode(errors="backslashreplace")


def _parse_column(raw: pa.Array, kind: pa.DataType, column: Column | None) -> tuple[pa.Array, list[tuple[int, str]]]:
    texts, wrong = _cast(raw, lambda values: values.cast(pa.string()), pa.string(), lambda text: _UTF8)
    if types.is_string(kind):
        return texts, wrong
    expected = describe_type(column) if column else str(kind)
    values, more = _cast(
        texts, _parse_booleans if types.is_boolean(kind) else _parse_numbers, kind,
        lambda text: f"expected {expected}, got {format_value(text)}{boolean_hint(column, text) if column else ''}",
    )  # fmt: skip
    return values, wrong + more


def _cast(
    values: pa.Array, convert: Callable[[pa.Array], pa.Array], kind: pa.DataType, reason: Callable[[object], str]
) -> tuple[pa.Array, list[tuple[int, str]]]:
    """Convert all values at once if possible; otherwise halve them again and again until the invalid ones are isolated."""
    pieces: list[pa.Array] = []
    wrong: list[tuple[int, str]] = []
    for first, length, converted in _convert_by_halves(values, 0, convert):
        pieces.append(pa.nulls(length, kind) if converted is None else converted)
        if converted is None:
            wrong.append((first, reason(values[first].as_py())))
    return pieces[0] if len(pieces) == 1 else pa.concat_arrays(pieces) if pieces else pa.nulls(0, kind), wrong


def _convert_by_halves(
    values: pa.Array, first: int, convert: Callable[[pa.Array], pa.Array]
) -> Iterator[tuple[int, int, pa.Array | None]]:
    try:
        yield first, len(values), convert(values)
    except pa.ArrowInvalid:
        if len(values) == 1:
            yield first, 1, None
            return
        middle = len(values) // 2
        yield from _convert_by_halves(values.slice(0, middle), first, convert)
        yield from _convert_by_halves(values.slice(middle), first + middle, convert)


def _parse_numbers(texts: pa.Array) -> pa.Array:
    known = pc.if_else(pc.equal(texts, _EMPTY), _NULL, texts)
    try:
        return known.cast(pa.float64())
    except pa.ArrowInvalid:
        # Only now, since most files do not need it: blanks around a number, or a word such as NA for null.
        trimmed = pc.ascii_trim(known, characters=" \t")
        return pc.if_else(pc.is_in(trimmed, _NULLS), _NULL, trimmed).cast(pa.float64())


def _parse_booleans(texts: pa.Array) -> pa.Array:
    trimmed = pc.ascii_trim(texts, characters=" \t")
    true, false = pc.is_in(trimmed, _TRUE), pc.is_in(trimmed, _FALSE)
    known = pc.or_(pc.or_(true, false), pc.or_(pc.is_in(trimmed, _NULLS), pc.is_null(texts)))
    if not pc.all(known, min_count=0).as_py():
        raise pa.ArrowInvalid("not a boolean")
    return pc.if_else(pc.or_(true, false), true, pa.nulls(1, pa.bool_())[0])
