"""Validate columns of values against the contract; batch and real time share it, so both reject the same rows."""

from __future__ import annotations

import json
import math
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

import numpy as np
import numpy.typing as npt

from slipway.contract.schema import Column, Contract
from slipway.errors import ContractError
from slipway.reporting.suggestions import closest_match

Array = npt.NDArray[Any]
_SHOWN_VALUES = 5
_SHOWN_CHARACTERS = 80
_BOOLEAN_WORDS = frozenset({"yes", "no", "y", "n", "true", "false", "t", "f", "on", "off"})
_SHOWN_NAMES = 20
_COMPARED_NAMES = 50
_LONG_LIMIT = 2.0**63
"""The first float64 beyond an int64; the largest int64 itself cannot be represented as a float64."""
_EXPECTED = {"double": "a finite number", "long": "an integer", "boolean": "true or false", "string": "a string"}


@dataclass(frozen=True, slots=True)
class Violation:
    """One value that violates the contract; rows count from 0."""

    row: int
    column: str
    actual: str
    expected: str

    def __str__(self) -> str:
        return f"row {self.row}, column '{self.column}': expected {self.expected}, got {self.actual}"


def check_required(present: Container[str], contract: Contract, given: Iterable[object]) -> None:
    """Check that no required column is missing; ``given`` are the names that the caller sent, also unknown ones.

    Raises:
        ContractError: one is missing; the message lists what was sent and suggests which name is misspelled.
    """
    missing = [c.name for c in contract.inputs if c.name not in present and not c.nullable]
    if missing:
        raise ContractError(
            f"column {', '.join(map(repr, missing))} is missing, which the contract of '{contract.name}' requires; "
            f"got {_describe_given(given, missing, contract)}"
        )


def _describe_given(given: Iterable[object], missing: Sequence[str], contract: Contract) -> str:
    """List the names that a caller sent, with the missing column that an unknown name probably means."""
    names = list(dict.fromkeys(name if isinstance(name, str) else format_value(name) for name in given))
    known = {column.name for column in contract.inputs}
    # Comparing two names takes time in proportion to the product of their lengths, and clients choose both the names and
    # how many there are, so only a few short ones are compared.
    unknown = [name for name in names if name not in known and len(name) <= _SHOWN_CHARACTERS][:_COMPARED_NAMES]
    meant = {closest: name for name in missing[:_SHOWN_VALUES] if (closest := closest_match(name, unknown))}
    shown = [f"{name!r} (did you mean '{column}'?)" for name, column in meant.items()]
    others = [name for name in names if name not in meant]
    shown += [_shorten(repr(name)) for name in others[:_SHOWN_NAMES]]
    hidden = len(others) - _SHOWN_NAMES
    return ", ".join(shown) + (f" and {hidden:,} more" if hidden > 0 else "") or "no columns"


def make_violation(row: int, column: Column, value: object) -> Violation:
    """Return the violation of a value that the column does not accept."""
    return Violation(row, column.name, f"{format_value(value)}{boolean_hint(column, value)}", describe_type(column))


def boolean_hint(column: Column, value: object) -> str:
    """Return what to do about a word such as "yes" in a boolean column, or the empty string for any other value."""
    is_word = column.type == "boolean" and isinstance(value, str) and value.strip().lower() in _BOOLEAN_WORDS
    return "; convert such words to true and false" if is_word else ""


def violations(values: Array, column: Column, null_string: str, limit: int | None = None) -> Iterator[Violation]:
    """Yield the violations in one column in the order of the rows, at most ``limit`` of them."""
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
    """Describe what a column accepts."""
    words = _EXPECTED[column.type]
    if column.values:
        words = "one of " + ", ".join(map(format_value, column.values[:_SHOWN_VALUES]))
        hidden = len(column.values) - _SHOWN_VALUES
        words += f" and {hidden} more" if hidden > 0 else ""
    return f"{words} or null" if column.nullable else words


def format_value(value: object) -> str:
    """Format a value as JSON, shortened if it is long."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "null"
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return _shorten(text)


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."


def _string_violations(values: Array, column: Column, null_string: str, limit: int | None) -> Iterator[Violation]:
    listed = values.tolist()
    allowed: set[type] = {str, NoneType} if column.nullable else {str}
    # Building sets is fast C code; the slow loop over rows runs only if some value is invalid.
    if set(map(type, listed)) <= allowed:
        distinct = set(listed)
        outside = distinct - {None, *column.values} if column.values else ()
        if not outside and null_string not in distinct:
            return
    found = 0
    for row, value in enumerate(listed):
        if found == limit:
            return
        if (violation := _check_string(row, value, column, null_string)) is not None:
            found += 1
            yield violation


def _check_string(row: int, value: object, column: Column, null_string: str) -> Violation | None:
    if value is None and column.nullable:
        return None
    if value == null_string:
        return Violation(row, column.name, format_value(value), "a string other than the reserved null marker")
    if not isinstance(value, str) or (column.values and value not in column.values):
        return make_violation(row, column, value)
    return None
