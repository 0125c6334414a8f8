"""Is a tensor what its column needs? Its datatype, its shape, and as many values as the shape holds.

The column says what a value means, the datatype only how it travels: a JSON number keeps all its digits, whatever the
datatype, as long as that can hold it.
"""

from __future__ import annotations

from typing import Any

from slipway.contract.schema import Column
from slipway.contract.validation import Problem, shown
from slipway.errors import ContractError
from slipway.realtime.protocols.v2.binary import Array, decode_numbers, decode_strings
from slipway.realtime.protocols.v2.datatypes import ACCEPTED, RANGES
from slipway.realtime.protocols.v2.request import Tensor

_INT = frozenset({int})


def listed(tensor: Tensor, column: Column) -> list[Any]:
    """The values of a tensor that came as JSON.

    Raises:
        ContractError: the tensor cannot be the column, or has no values, or not as many as its shape holds.
    """
    values, shape, rows = tensor.data, tensor.shape, _rows(tensor, column)
    if values is None:
        raise ContractError(f"column '{column.name}' has neither 'data' nor 'binary_data_size'")
    if len(values) != rows:
        raise ContractError(f"column '{column.name}': {len(values)} values came but the shape {shape} holds {rows}")
    if len(shape) == 2 and values and type(values[0]) is list:
        values = [_only(value, row, column) for row, value in enumerate(values)]
    if tensor.datatype in RANGES:
        _check_integers(values, tensor.datatype, column)
    return values


def numbers(tensor: Tensor, raw: memoryview, column: Column) -> Array:
    """The float64 values [N] of a tensor of numbers or booleans that came as bytes.

    Raises:
        ContractError: the tensor cannot be the column, or there are more or fewer bytes than its values take.
    """
    _check_data(tensor, column)
    return decode_numbers(raw, tensor.datatype, _rows(tensor, column), column.name)


def strings(tensor: Tensor, raw: memoryview, column: Column) -> list[str]:
    """The values of a BYTES tensor that came as bytes.

    Raises:
        ContractError: the tensor cannot be the column, or its bytes are not as many strings as its shape holds.
    """
    _check_data(tensor, column)
    return decode_strings(raw, _rows(tensor, column), column.name)


def _check_data(tensor: Tensor, column: Column) -> None:
    if tensor.data is not None:
        raise ContractError(f"column '{column.name}' came with both 'data' and 'binary_data_size'; one of them must go")


def _rows(tensor: Tensor, column: Column) -> int:
    if tensor.datatype not in ACCEPTED[column.type]:
        accepted = ", ".join(ACCEPTED[column.type])
        raise ContractError(
            f"column '{column.name}': the datatype {shown(tensor.datatype)} came but {accepted} was expected"
        )
    shape = tensor.shape
    if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1):
        return shape[0]
    raise ContractError(f"column '{column.name}': the shape {shown(shape)} came but [N] or [N, 1] was expected")


def _only(value: Any, row: int, column: Column) -> Any:
    if type(value) is list and len(value) == 1:
        return value[0]
    raise ContractError(str(Problem(row, column.name, shown(value), "a list of one value")))


def _check_integers(values: list[Any], datatype: str, column: Column) -> None:
    low, high = RANGES[datatype]
    if values and _INT.issuperset(map(type, values)) and low <= min(values) and max(values) <= high:
        return
    for row, value in enumerate(values):
        if type(value) in (int, float) and not (low <= value <= high and value == int(value)):
            raise ContractError(str(Problem(row, column.name, shown(value), f"a whole number of {datatype}")))
