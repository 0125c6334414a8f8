"""Tensors of the v2 protocol as bytes: little-endian, row by row, strings behind their length."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from slipway.contract.validation import Problem
from slipway.errors import ContractError

Array = npt.NDArray[Any]

_SIGNED = {"INT8": "i1", "INT16": "i2", "INT32": "i4", "INT64": "i8", "FP16": "f2", "FP32": "f4", "FP64": "f8"}
_UNSIGNED = {"UINT8": "u1", "UINT16": "u2", "UINT32": "u4", "UINT64": "u8", "BOOL": "u1"}
_FORMATS = {datatype: np.dtype(f"<{form}") for datatype, form in (_SIGNED | _UNSIGNED).items()}
_LENGTH = 4


def decode_numbers(raw: memoryview, datatype: str, rows: int, name: str) -> Array:
    """The bytes of a tensor of numbers or booleans as float64 [N].

    Raises:
        ContractError: there are more or fewer bytes than N values take.
    """
    form = _FORMATS[datatype]
    if len(raw) != rows * form.itemsize:
        raise ContractError(
            f"column '{name}': {len(raw)} bytes of binary data came but {rows} values of {datatype} take "
            f"{rows * form.itemsize}"
        )
    return np.frombuffer(raw, form).astype(np.float64)


def decode_strings(raw: memoryview, rows: int, name: str) -> list[str]:
    """The bytes of a BYTES tensor as N strings.

    Raises:
        ContractError: a string ends after the data does, bytes are left over, or it is not UTF-8.
    """
    found: list[str] = []
    end = 0
    for row in range(rows):
        start = end + _LENGTH
        end = start + (int.from_bytes(raw[start - _LENGTH : start], "little") if start <= len(raw) else 0)
        if end > len(raw):
            raise ContractError(
                f"row {row}, column '{name}': the binary data ends after {len(raw)} bytes but the string needs {end}"
            )
        found.append(_text(raw[start:end], row, name))
    if end != len(raw):
        raise ContractError(f"column '{name}': {len(raw) - end} bytes came after the last of {rows} strings")
    return found


def encode(values: Array, datatype: str) -> bytes:
    """The values of an output as bytes."""
    if datatype != "BYTES":
        return values.astype(_FORMATS[datatype]).tobytes()
    texts = [value.encode() for value in values.tolist()]
    return b"".join(len(text).to_bytes(_LENGTH, "little") + text for text in texts)


def _text(raw: memoryview, row: int, name: str) -> str:
    try:
        return str(raw, "utf-8")
    except UnicodeDecodeError as error:
        raise ContractError(str(Problem(row, name, f"a string with {error.reason}", "valid UTF-8"))) from None
