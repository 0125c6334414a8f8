"""A CSV request as the columns that a scorer takes, typed by the contract and not by guessing."""

from __future__ import annotations

import csv
import io
from typing import Any

from slipway.contract.schema import Column, Contract
from slipway.contract.validation import problem
from slipway.errors import ContractError
from slipway.realtime.protocols.columns import Array, arrays

NULL_NUMBERS = frozenset({
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "N/A", "NA", "NULL",
    "NaN", "n/a", "nan", "null",
})  # fmt: skip
"""How writers of CSV spell a missing number; batch accepts the same ones. A missing string is the empty one only."""
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def decode_csv(body: bytes, contract: Contract) -> dict[str, Array]:
    """The input columns of a CSV request with a header line.

    Raises:
        ContractError: it is not UTF-8 or not CSV, or a value has a wrong type.
    """
    try:
        rows = [row for row in csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ContractError(f"the body is not CSV in UTF-8: {error}") from None
    if not rows:
        raise ContractError("the body is empty but CSV with a header line was expected")
    names, data = rows[0], rows[1:]
    for number, row in enumerate(data):
        if len(row) != len(names):
            raise ContractError(f"row {number}: {len(row)} values came but the header names {len(names)} columns")
    for name in names:
        if names.count(name) > 1:
            raise ContractError(f"column '{name}' came {names.count(name)} times but one was expected")
    wanted = [column for column in contract.inputs if column.name in names]
    return arrays({c.name: _values(data, names.index(c.name), c) for c in wanted}, contract)


def _values(data: list[list[str]], position: int, column: Column) -> list[Any]:
    if column.type == "string":
        return [row[position] or None for row in data]
    return [_number(row[position].strip(), number, column) for number, row in enumerate(data)]


def _number(text: str, row: int, column: Column) -> float | bool | None:
    if text in NULL_NUMBERS:
        return None
    try:
        if column.type == "boolean":
            return _BOOLEANS[text.lower()]
        if "_" not in text:
            return float(text)
    except (ValueError, KeyError):
        pass
    raise ContractError(str(problem(row, column, text)))
