"""Decodes and encodes the tensors of the v2 protocol, as JSON or as bytes.

Bytes are little-endian and in row order, and each string follows its length. A tensor must have a datatype and a shape that
fit its column, and as many values as its shape. The column defines the type of a value, the datatype only its encoding: a
JSON number keeps all its digits, whatever the datatype, as long as it is within the datatype's range.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from slipway.contract.schema import Column
from slipway.contract.validation import Violation, format_value
from slipway.errors import ContractError
from slipway.inference.engines import Array
from slipway.realtime.protocols.v2.metadata import ACCEPTED_DATATYPES, INTEGER_DATATYPES
from slipway.realtime.protocols.v2.request import Tensor

_RANGES = {datatype: (np.iinfo(datatype.lower()).min, np.iinfo(datatype.lower()).max) for datatype in INTEGER_DATATYPES}
_INT = frozenset({int})
_SIGNED = {"INT8": "i1", "INT16": "i2", "INT32": "i4", "INT64": "i8", "FP16": "f2", "FP32": "f4", "FP64": "f8"}
_UNSIGNED = {"UINT8": "u1", "UINT16": "u2", "UINT32": "u4", "UINT64": "u8", "BOOL": "u1"}
_FORMATS = {datatype: np.dtype(f"<{form}") for datatype, form in (_SIGNED | _UNSIGNED).items()}
_LENGTH_BYTES = 4


def json_values(tensor: Tensor, column: Column) -> list[Any]:
    """Decode the values of a JSON tensor.

    Raises:
        ContractError: the tensor does not fit the column, has no values, or not as many as its shape.
    """
    values, shape, rows = tensor.data, tensor.shape, _count_rows(tensor, column)
    if values is None:
        raise ContractError(f"column '{column.name}' has no 'data' and no 'binary_data_size'")
    if len(values) != rows:
        raise ContractError(f"column '{column.name}': expected {rows} values for the shape {shape}, got {len(values)}")
    if len(shape) == 2 and values and type(values[0]) is list:
        values = [_unwrap(value, row, column) for row, value in enumerate(values)]
    if tensor.datatype in _RANGES:
        _check_integers(values, tensor.datatype, column)
    return values


def binary_numbers(tensor: Tensor, raw: memoryview, column: Column) -> Array:
    """Decode the float64 values [N] of a binary tensor of numbers or booleans.

    Raises:
        ContractError: the tensor does not fit the column, or the number of bytes does not match its shape.
    """
    _check_no_json(tensor, column)
    rows = _count_rows(tensor, column)
    form = _FORMATS[tensor.datatype]
    if len(raw) != rows * form.itemsize:
        raise ContractError(
            f"column '{column.name}': expected {rows * form.itemsize} bytes of binary data for {rows} values of "
            f"{tensor.datatype}, got {len(raw)}"
        )
    return np.frombuffer(raw, form).astype(np.float64)


def binary_strings(tensor: Tensor, raw: memoryview, column: Column) -> list[str]:
    """Decode the strings of a binary BYTES tensor.

    Raises:
        ContractError: the tensor does not fit the column, the data ends within a string, bytes are left over, or a string
            is not UTF-8.
    """
    _check_no_json(tensor, column)
    rows, name = _count_rows(tensor, column), column.name
    found: list[str] = []
    end = 0
    for row in range(rows):
        start = end + _LENGTH_BYTES
        end = start + (int.from_bytes(raw[start - _LENGTH_BYTES : start], "little") if start <= len(raw) else 0)
        if end > len(raw):
            raise ContractError(
                f"row {row}, column '{name}': the string ends at byte {end}, but the binary data has only {len(raw)} bytes"
            )
        found.append(_decode_text(raw[start:end], row, name))
    if end != len(raw):
        raise ContractError(f"column '{name}': {len(raw) - end} bytes left over after the last of {rows} strings")
    return found


def encode_binary(values: Array, datatype: str) -> bytes:
    """Encode the values of an output as bytes."""
    if datatype != "BYTES":
        return values.astype(_FORMATS[datatype]).tobytes()
    texts = [value.encode() for value in values.tolist()]
    return b"".join(len(text).to_bytes(_LENGTH_BYTES, "little") + text for text in texts)


def _decode_text(raw: memoryview, row: int, name: str) -> str:
    try:
        return str(raw, "utf-8")
    except UnicodeDecodeError as error:
        raise ContractError(str(Violation(row, name, f"a string with {error.reason}", "valid UTF-8"))) from None


def _check_no_json(tensor: Tensor, column: Column) -> None:
    if tensor.data is not None:
        raise ContractError(f"column '{column.name}' has both 'data' and 'binary_data_size'; send only one of them")


def _count_rows(tensor: Tensor, column: Column) -> int:
    if tensor.datatype not in ACCEPTED_DATATYPES[column.type]:
        accepted = " or ".join(ACCEPTED_DATATYPES[column.type])
        raise ContractError(
            f"column '{column.name}': expected the datatype {accepted}, got {format_value(tensor.datatype)}"
        )
    shape = tensor.shape
    if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1):
        return shape[0]
    raise ContractError(f"column '{column.name}': expected the shape [N] or [N, 1], got {format_value(shape)}")


def _unwrap(value: Any, row: int, column: Column) -> Any:
    if type(value) is list and len(value) == 1:
        return value[0]
    raise ContractError(str(Violation(row, column.name, format_value(value), "a list of one value")))


def _check_integers(values: list[Any], datatype: str, column: Column) -> None:
    low, high = _RANGES[datatype]
    if values and _INT.issuperset(map(type, values)) and low <= min(values) and max(values) <= high:
        return
    for row, value in enumerate(values):
        if type(value) in (int, float) and not (low <= value <= high and value == int(value)):
            raise ContractError(
                str(Violation(row, column.name, format_value(value), f"an integer in the range of {datatype}"))
            )
