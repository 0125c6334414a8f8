"""Read labels that arrive later than the rows, in a separate file, and match them to the rows by a key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyarrow import types

from slipway.contract.schema import Contract
from slipway.errors import DataError
from slipway.tables.csv_types import parse_fields
from slipway.tables.input_files import InputFile, find_inputs
from slipway.tables.prediction_log import sample_rows
from slipway.tables.readers import chunks_of, schema_of

REQUEST_COLUMN = "request_id"
"""The key of a logged request."""
ROW_COLUMN = "row"
"""The row within that request, counted from 0; a request with one row does not need it."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels by key, and for logged requests also by row if the file has that column."""

    source: str
    key: str
    by_row: bool
    by_key: dict[tuple[str, int], Any]

    def for_keys(self, keys: Iterable[Any]) -> list[Any]:
        """Return the label for each key, or None if it has not arrived."""
        return [self.by_key.get((str(key), 0)) for key in keys]

    def for_request(self, request: str, rows: int) -> list[Any]:
        """Return the labels for the rows of a request that the log kept.

        Args:
            request: the request's id.
            rows: how many rows the request had; the log keeps a sample of them.

        Raises:
            DataError: the request has several rows, and the file does not say which one a label belongs to.
        """
        if rows > 1 and not self.by_row and (request, 0) in self.by_key:
            raise DataError(
                f"request '{request}' has {rows} rows, but {self.source} has no column '{ROW_COLUMN}' "
                "to say which row a label belongs to"
            )
        return [self.by_key.get((request, row)) for row in sample_rows(rows)]


def read_labels(source: str, key: str, label: str, contract: Contract) -> Labels:
    """Read labels from files in any format that `slipway batch` reads.

    Raises:
        DataError: a file cannot be read or lacks a column, or a key has two different labels.
    """
    found: dict[tuple[str, int], Any] = {}
    by_row = False
    for file in find_inputs(source):
        schema = schema_of(file, contract)
        for name in (key, label):
            if name not in schema.names:
                raise DataError(f"{file.path} has no column '{name}'; it has {', '.join(schema.names)}")
        by_row = key == REQUEST_COLUMN and ROW_COLUMN in schema.names
        names = [key, label, *([ROW_COLUMN] if by_row else [])]
        for at, value in _file_labels(file, names, schema, contract):
            if found.setdefault(at, value) != value:
                which = f", row {at[1]}" if by_row else ""
                raise DataError(f"{source} has two labels for {key} '{at[0]}'{which}: '{found[at]}' and '{value}'")
    return Labels(source, key, by_row, found)


def _file_labels(
    file: InputFile, names: list[str], schema: pa.Schema, contract: Contract
) -> Iterator[tuple[tuple[str, int], Any]]:
    """Yield each key with its label, except null ones."""
    chosen = pa.schema([schema.field(name) for name in names])
    for chunk in chunks_of(file, 0, 0, chosen):
        batch, invalid_fields = (
            parse_fields(chunk.batch, chosen, contract) if file.format == "csv" else (chunk.batch, [])
        )
        if unreadable := len(chunk.broken) + len(invalid_fields):
            raise DataError(f"{file.path} has {unreadable} broken lines or fields, so its labels cannot all be read")
        keys, labels, *rows = (values_of(batch.column(name)) for name in names)
        for key, label, row in zip(keys, labels, rows[0] if rows else [0] * len(keys), strict=True):
            if key is not None and label is not None:
                yield (str(key), _row_number(row, file)), label


def _row_number(row: Any, file: InputFile) -> int:
    try:
        return int(row)
    except (TypeError, ValueError):
        raise DataError(f"column '{ROW_COLUMN}' of {file.path}: expected integers from 0, got '{row}'") from None


def values_of(column: pa.Array) -> list[Any]:
    """Return each value, with None for null and for the empty string."""
    found: list[Any] = (column.dictionary_decode() if types.is_dictionary(column.type) else column).to_pylist()
    return [None if value == "" else value for value in found]
