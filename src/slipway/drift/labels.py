"""Truth that came later than the rows, in a file of its own: each is found again by its key."""

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
"""With it the row of that request, counted from 0; a request of one row needs none."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What turned out to be true, by key, and of logged requests by row too where the file tells it."""

    source: str
    key: str
    by_row: bool
    by_key: dict[tuple[str, int], Any]

    def for_keys(self, keys: Iterable[Any]) -> list[Any]:
        """The truth of each row of a file; None where it has not arrived."""
        return [self.by_key.get((str(key), 0)) for key in keys]

    def for_request(self, request: str, rows: int) -> list[Any]:
        """The truth of the rows that the log has kept of a request of so many.

        Raises:
            DataError: it has many rows, and the file does not say of which one its truth is.
        """
        if rows > 1 and not self.by_row and (request, 0) in self.by_key:
            raise DataError(
                f"request '{request}' has {rows} rows, and {self.source} has no column '{ROW_COLUMN}' "
                "that says which is meant"
            )
        return [self.by_key.get((request, row)) for row in sample_rows(rows)]


def read_labels(source: str, key: str, label: str, contract: Contract) -> Labels:
    """Read the truths of files in any format that `slipway batch` reads.

    Raises:
        DataError: they cannot be read, lack a column, or say two things of one key.
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
                which = f" in row {at[1]}" if by_row else ""
                raise DataError(f"{source} says of {key} '{at[0]}'{which} both '{found[at]}' and '{value}'")
    return Labels(source, key, by_row, found)


def _file_labels(
    file: InputFile, names: list[str], schema: pa.Schema, contract: Contract
) -> Iterator[tuple[tuple[str, int], Any]]:
    """Each key with its truth, but for those that are null."""
    chosen = pa.schema([schema.field(name) for name in names])
    for chunk in chunks_of(file, 0, 0, chosen):
        batch, wrong = parse_fields(chunk.batch, chosen, contract) if file.format == "csv" else (chunk.batch, [])
        if lost := len(chunk.broken) + len(wrong):
            raise DataError(f"{file.path} has {lost} broken lines or fields, so not every truth in it can be read")
        keys, truths, *rows = (values_of(batch.column(name)) for name in names)
        for key, truth, row in zip(keys, truths, rows[0] if rows else [0] * len(keys), strict=True):
            if key is not None and truth is not None:
                yield (str(key), _row_number(row, file)), truth


def _row_number(row: Any, file: InputFile) -> int:
    try:
        return int(row)
    except (TypeError, ValueError):
        raise DataError(f"column '{ROW_COLUMN}' of {file.path} must hold whole numbers from 0, not '{row}'") from None


def values_of(column: pa.Array) -> list[Any]:
    """Each value, with None for null and for the empty text."""
    found: list[Any] = (column.dictionary_decode() if types.is_dictionary(column.type) else column).to_pylist()
    return [None if value == "" else value for value in found]
