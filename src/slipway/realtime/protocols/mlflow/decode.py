"""Decodes MLflow's request formats, JSON and CSV, into the columns that a scorer takes.

The types of CSV values come from the contract and are never guessed. Every error names the row, the column, the expected
type and the value.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from types import NoneType
from typing import Any

import msgspec

from slipway.contract.schema import Column, Contract
from slipway.contract.validation import check_required, make_violation
from slipway.errors import ContractError
from slipway.inference.engines import Array
from slipway.realtime.protocols.columns import Lists, to_arrays

NULL_NUMBERS = frozenset({
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "N/A", "NA", "NULL",
    "NaN", "n/a", "nan", "null",
})  # fmt: skip
"""Spellings of a missing number in CSV; `slipway batch` accepts the same ones. Only an empty string is a missing string."""
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def decode_json(body: bytes, contract: Contract) -> dict[str, Array]:
    """Decode a JSON request in any of MLflow's four forms into its input columns.

    Raises:
        ContractError: the body is not JSON or not one of the forms, or a value has the wrong type.
    """
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ContractError(f"the body is not valid JSON: {error}") from None
    except RecursionError:
        raise ContractError("the body is not valid JSON: it is nested too deeply") from None
    if not isinstance(document, dict):
        raise ContractError(
            f"the body must be a JSON object with one of {_quote_names(_FORMS)}, got {_json_type(document)}"
        )
    forms = [form for form in _FORMS if form in document]
    if len(forms) != 1:
        raise ContractError(
            f"the body must have exactly one of {_quote_names(_FORMS)}, got {_quote_names(forms or document) or 'none'}"
        )
    form, content = forms[0], document[forms[0]]
    arrays = to_arrays(_FORMS[form](content, contract), contract)
    check_required(arrays, contract, _given_names(form, content))
    return arrays


def _given_names(form: str, content: Any) -> Iterator[Any]:
    """Yield the column names in a valid request, for an error about a missing one."""
    if form == "dataframe_split":
        yield from content["columns"]
    elif isinstance(content, dict):
        yield from content
    else:
        yield from (name for record in content for name in record)


def _split(content: Any, contract: Contract) -> Lists:
    if not isinstance(content, dict) or not {"columns", "data"} <= content.keys() <= {"columns", "data", "index"}:
        actual = _quote_names(content) if isinstance(content, dict) else _json_type(content)
        raise ContractError(f"'dataframe_split' must be an object with 'columns' and 'data', got {actual}")
    names, rows = content["columns"], content["data"]
    if not isinstance(names, list) or not isinstance(rows, list):
        raise ContractError(f"'columns' and 'data' must be lists, got {_json_type(names)} and {_json_type(rows)}")
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(names):
            actual = str(len(row)) if isinstance(row, list) else _json_type(row)
            raise ContractError(f"row {number}: expected {len(names)} values, one per column, got {actual}")
    wanted = [column.name for column in contract.inputs if column.name in names]
    _check_unique(names, wanted)
    positions = {name: names.index(name) for name in wanted}
    return {name: [row[position] for row in rows] for name, position in positions.items()}


def _check_unique(names: list[Any], wanted: list[str]) -> None:
    for name in wanted:
        if names.count(name) > 1:
            raise ContractError(f"column '{name}' appears {names.count(name)} times")


def _records(content: Any, contract: Contract) -> Lists:
    if not isinstance(content, list):
        raise ContractError(f"'dataframe_records' must be a list of objects, got {_json_type(content)}")
    for row, record in enumerate(content):
        if not isinstance(record, dict):
            raise ContractError(f"row {row}: expected an object with one value per column, got {_json_type(record)}")
    if not content:
        raise ContractError("there are no rows to predict: the list of rows is empty")
    names = (column.name for column in contract.inputs)
    return {name: [r.get(name) for r in content] for name in names if any(name in r for r in content)}


def _instances(content: Any, contract: Contract) -> Lists:
    if isinstance(content, list) and content and not any(isinstance(item, dict) for item in content):
        if len(contract.inputs) != 1:
            raise ContractError(
                f"row 0: expected an object with one value per column, got {_json_type(content[0])}; "
                f"rows need column names, because the model has {len(contract.inputs)} columns"
            )
        return {contract.inputs[0].name: content}
    return _records(content, contract)


def _inputs(content: Any, contract: Contract) -> Lists:
    if not isinstance(content, dict):
        return _instances(content, contract)
    wanted = {column.name: content[column.name] for column in contract.inputs if column.name in content}
    if not any(isinstance(values, list) for values in wanted.values()):
        return {name: [value] for name, value in wanted.items()}
    for name, values in wanted.items():
        if not isinstance(values, list):
            raise ContractError(f"column '{name}': expected a list with one value per row, got {_json_type(values)}")
    return wanted


def decode_csv(body: bytes, contract: Contract, *, complete: bool = True) -> dict[str, Array]:
    """Decode a CSV request with a header line into its input columns.

    Raises:
        ContractError: the body is not UTF-8 or not CSV, a value has the wrong type, or (if it must be ``complete``) a
            required column is missing.
    """
    try:
        rows = [row for row in csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ContractError(f"the body is not CSV in UTF-8: {error}") from None
    if not rows:
        raise ContractError("expected CSV with a header line, got an empty body")
    names, data = rows[0], rows[1:]
    for number, row in enumerate(data):
        if len(row) != len(names):
            raise ContractError(
                f"row {number}: expected {len(names)} values, one per column of the header, got {len(row)}"
            )
    _check_unique(names, names)
    wanted = [column for column in contract.inputs if column.name in names]
    arrays = to_arrays({c.name: _values(data, names.index(c.name), c) for c in wanted}, contract)
    if complete:
        check_required(arrays, contract, names)
    return arrays


def _values(data: list[list[str]], position: int, column: Column) -> list[Any]:
    if column.type == "string":
        return [row[position] or None for row in data]
    return [_parse_value(row[position].strip(), number, column) for number, row in enumerate(data)]


def _parse_value(text: str, row: int, column: Column) -> float | bool | None:
    if text in NULL_NUMBERS:
        return None
    try:
        if column.type == "boolean":
            return _BOOLEANS[text.lower()]
        # Python's float() accepts 1_000, which no CSV reader does.
        if "_" not in text:
            return float(text)
    except (ValueError, KeyError):
        pass
    raise ContractError(str(make_violation(row, column, text)))


def _quote_names(names: Iterable[Any]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _json_type(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", NoneType: "null"}
    return names.get(type(value), "a number")


_FORMS: dict[str, Callable[[Any, Contract], Lists]] = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "instances": _instances,
    "inputs": _inputs,
}
