"""Converts the columns of a request to the typed arrays that a model takes."""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType
from typing import Any

import numpy as np

from slipway.contract.schema import Column, Contract
from slipway.contract.validation import make_violation
from slipway.errors import ContractError
from slipway.inference.engines import Array

Lists = dict[str, Sequence[Any]]

_NUMBERS = frozenset[type]({int, float, NoneType})
_KINDS: dict[str, frozenset[type]] = {
    "double": _NUMBERS,
    "long": _NUMBERS,
    "boolean": frozenset({bool, NoneType}),
    "string": frozenset({str, NoneType}),
}


def to_arrays(lists: Lists, contract: Contract) -> dict[str, Array]:
    """Convert columns of JSON values to typed arrays, without the columns that are not in the contract.

    Raises:
        ContractError: the columns differ in length, or a value has the wrong type.
    """
    present = [column for column in contract.inputs if column.name in lists]
    check_same_length({column.name: len(lists[column.name]) for column in present})
    return {column.name: _array(lists[column.name], column) for column in present}


def check_same_length(rows: dict[str, int]) -> None:
    """Check that all columns have the same number of rows.

    Raises:
        ContractError: they differ.
    """
    if len(set(rows.values())) > 1:
        counts = ", ".join(f"'{name}' has {number}" for name, number in rows.items())
        raise ContractError(f"all columns must have the same number of rows, but {counts}")


def _array(values: Sequence[Any], column: Column) -> Array:
    allowed = _KINDS[column.type]
    if not allowed.issuperset(map(type, values)):
        row = next(row for row, value in enumerate(values) if type(value) not in allowed)
        raise ContractError(str(make_violation(row, column, values[row])))
    try:
        return typed_array(values, column)
    except OverflowError:
        # JSON integers have no size limit, but a float64 ends near 2**1024.
        row = next(row for row, value in enumerate(values) if isinstance(value, int) and abs(value) >= 1 << 1023)
        raise ContractError(str(make_violation(row, column, values[row]))) from None


def typed_array(values: Sequence[Any], column: Column) -> Array:
    """Convert values, with types already checked, to the array that a scorer takes."""
    if column.type != "string":
        return np.array(values, dtype=np.float64)
    # Filled rather than built from the list, because numpy would inspect the strings for nested sequences.
    strings = np.empty(len(values), dtype=object)
    strings[:] = values
    return strings
