"""Does a column of values keep the contract? Shared by batch and real time, so both refuse the same rows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType
from typing import Any

import numpy as np
import numpy.typing as npt

from slipway.contract.schema import Column

Array = npt.NDArray[Any]
_SHOWN_VALUES = 5
_SHOWN_CHARACTERS = 80
_LONG_LIMIT = 2.0**63
_EXPECTED = {"double": "a finite number", "long": "a whole number", "boolean": "true or false", "string": "a string"}


@dataclass(frozen=True, slots=True)
class Violation:
    """One value that breaks the contract; rows count from 0."""

    row: int
    column: str
    actual: str
    expected: str

    def __str__(self) -> str:
        return f"row {self.row}, column '{self.column}': {self.actual} came but {self.expected} was expected"


def make_violation(row: int, column: Column, value: object) -> Violation:
    """The problem that this value is no value of the column."""
    return Violation(row, column.name, format_value(value), describe_type(column))


def violations(values: Array, column: Column, null_string: str, limit: int | None = None) -> Iterator[Violation]:
    """The values of one column that break the contract, first rows first, at most ``limit`` of them."""
    if column.type == "string":
        yield from _string_violations(values, column, null_string, limit)
        return
    bad = np.isinf(values) if column.nullable else ~np.isfinite(values)
    if column.type == "long":
        bad |= ~np.isnan(values) & ((values != np.floor(values)) | (np.abs(values) >= _LONG_LIMIT))
    elif column.type == "boolean":
        bad |= ~np.isnan(values) & (values != 0) & (values != 1)
    if bad.any():
        yield from (make_violation(int(row), column, float(values[row])) for row in np.flatnonzero(bad)[:limit])


def describe_type(column: Column) -> str:
    """What a column accepts, in words."""
    words = _EXPECTED[column.type]
    if column.values:
        words = "one of " + ", ".join(map(format_value, column.values[:_SHOWN_VALUES]))
        hidden = len(column.values) - _SHOWN_VALUES
        words += f" and {hidden} more" if hidden > 0 else ""
    return f"{words} or null" if column.nullable else words


def format_value(value: object) -> str:
    """A value as it would stand in JSON, cut when it is long."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "null"
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."


def _string_violations(values: Array, column: Column, null_string: str, limit: int | None) -> Iterator[Violation]:
    listed = values.tolist()
    allowed: set[type] = {str, NoneType} if column.nullable else {str}
    # Sets are built at the speed of C; rows are looked at one by one only when something is wrong.
    if set(map(type, listed)) <= allowed:
        distinct = set(listed)
        outside = distinct - {None, *column.values} if column.values else ()
        if not outside and null_string not in distinct:
            return
    found = 0
    for row, value in enumerate(listed):
        if found == limit:
            return
        if (reason := _check_string(row, value, column, null_string)) is not None:
            found += 1
            yield reason


def _check_string(row: int, value: object, column: Column, null_string: str) -> Violation | None:
    if value is None and column.nullable:
        return None
    if value == null_string:
        return Violation(row, column.name, format_value(value), "a string other than the one that means null")
    if not isinstance(value, str) or (column.values and value not in column.values):
        return make_violation(row, column, value)
    return None
