"""Convert between Arrow columns and the arrays that a scorer takes, without a Python object per row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from slipway.contract.schema import Column, Contract
from slipway.errors import ContractError

Array = npt.NDArray[Any]
TEXT_TYPES = {"double": pa.float64(), "long": pa.float64(), "boolean": pa.bool_(), "string": pa.string()}
"""Types for reading the contract's columns from text. Integers are read as float64 too, so that validation rejects 1.5 with
a clear message; as int64 it could not be parsed at all."""

_WORDS = {"double": "numbers", "long": "integers", "boolean": "true and false", "string": "text"}


def check_types(
    schema: pa.Schema, contract: Contract, path: Path | str, consequence: str = "; nothing was written"
) -> None:
    """Check that the contract's columns can be read from the source's types; ``consequence`` ends the error message.

    Raises:
        ContractError: a column's type cannot be read as the contract's type.
    """
    for column in contract.inputs:
        if column.name in schema.names and not is_readable(schema.field(column.name).type, column):
            raise ContractError(
                f"column '{column.name}' of {path} has {describe_arrow_type(schema.field(column.name).type)}, but the "
                f"contract of '{contract.name}' requires {_WORDS[column.type]} ({column.type}){consequence}"
            )


def is_readable(kind: pa.DataType, column: Column) -> bool:
    """Return whether a column of the contract can be read from values of an Arrow type."""
    if types.is_null(kind):
        return True
    if types.is_dictionary(kind):
        return column.type == "string" and is_readable(kind.value_type, column)
    if column.type == "string":
        return is_text(kind)
    if column.type == "boolean":
        return bool(types.is_boolean(kind))
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def is_text(kind: pa.DataType) -> bool:
    """Return whether the values of an Arrow type are strings."""
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def describe_arrow_type(kind: pa.DataType) -> str:
    """Describe the values of an Arrow type in plain words."""
    if types.is_dictionary(kind):
        return describe_arrow_type(kind.value_type)
    known = {
        "text": is_text(kind),
        "true and false": types.is_boolean(kind),
        "integers": types.is_integer(kind),
        "numbers": types.is_floating(kind) or types.is_decimal(kind),
        "dates or times": types.is_temporal(kind),
        "lists": types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind),
        "objects": types.is_struct(kind) or types.is_map(kind),
        "bytes": types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind),
    }
    return next((words for words, fits in known.items() if fits), str(kind))


def to_columns(batch: pa.RecordBatch, contract: Contract, empty_is_null: bool) -> dict[str, Array]:
    """Return the contract's inputs of a batch: numbers as float64 with NaN for null, strings as objects of str or None."""
    present = [column for column in contract.inputs if column.name in batch.schema.names]
    return {
        c.name: _strings(batch.column(c.name), empty_is_null) if c.type == "string" else _numbers(batch.column(c.name))
        for c in present
    }


def float_array(values: Array) -> pa.Array:
    """Return a float64 array as an Arrow array that shares its memory."""
    # `pa.array` here and `to_numpy` below would import pandas if it is installed, which takes half a second.
    values = np.ascontiguousarray(values, dtype=np.float64)
    return pa.Array.from_buffers(pa.float64(), len(values), [None, pa.py_buffer(values)])


def choice_array(texts: Sequence[str], choices: Sequence[str]) -> pa.Array:
    """Return strings that are all among a few choices as an Arrow array."""
    index = {choice: number for number, choice in enumerate(choices)}
    codes = np.fromiter(map(index.__getitem__, texts), dtype=np.int64, count=len(texts))
    return pc.take(string_array(choices), pa.Array.from_buffers(pa.int64(), len(codes), [None, pa.py_buffer(codes)]))


def string_array(texts: Sequence[str]) -> pa.Array:
    """Return strings as an Arrow array."""
    encoded = [text.encode() for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))


def _numbers(values: pa.Array) -> Array:
    # safe=False: an integer beyond 2**53 becomes the nearest float64, as it did in training, and is not an error.
    numbers = values.cast(pa.float64(), safe=False)
    return np.from_dlpack(pc.fill_null(numbers, float_array(np.array([np.nan]))[0]))


def _strings(values: pa.Array, empty_is_null: bool) -> Array:
    if types.is_null(values.type):
        return np.full(len(values), None, dtype=object)
    # Creates one Python string per distinct text and not one per row.
    plain = values.dictionary_decode() if types.is_dictionary(values.type) else values
    encoded = pc.dictionary_encode(plain, null_encoding="encode")
    texts = np.array([*encoded.dictionary.to_pylist(), None], dtype=object)
    if empty_is_null:
        texts[texts == ""] = None
    found: Array = texts[np.from_dlpack(encoded.indices)]
    return found
