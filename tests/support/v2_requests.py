"""v2 requests for tests: a contract with a column of each type, a good request for it, and ways to make it bad."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from slipway.contract.schema import Column, Contract, outputs_of

CLASSES = ("late", "on time")
CONTRACT = Contract(
    "flights",
    "classification",
    (
        Column("distance", "double"),
        Column("seats", "long", nullable=True),
        Column("weekend", "boolean", nullable=True),
        Column("carrier", "string", values=("AA", "UA")),
        Column("tail", "string", nullable=True),
    ),
    outputs_of("classification", CLASSES),
    CLASSES,
)
Columns = dict[str, npt.NDArray[Any]]


def tensor(name: str, datatype: str, *data: Any, **changes: Any) -> dict[str, Any]:
    """One input with its values as JSON."""
    return {"name": name, "shape": [len(data)], "datatype": datatype, "data": list(data)} | changes


def tensors() -> dict[str, dict[str, Any]]:
    """Two rows that the contract takes."""
    good = [
        tensor("distance", "FP64", 0.5, -1.25),
        tensor("seats", "INT64", 100, None),
        tensor("weekend", "BOOL", True, None),
        tensor("carrier", "BYTES", "AA", "UA"),
        tensor("tail", "BYTES", "N1", None),
    ]
    return {one["name"]: one for one in good}


def body(*changed: dict[str, Any], **fields: Any) -> bytes:
    """The good request with some inputs replaced by name."""
    inputs = tensors() | {one["name"]: one for one in changed}
    return json.dumps({"inputs": list(inputs.values())} | fields).encode()


def without(name: str, field: str) -> dict[str, Any]:
    """A good input that lacks one of its fields."""
    return {key: value for key, value in tensors()[name].items() if key != field}


def assert_same(came: Columns, expected: Columns) -> None:
    """The same columns with the same values and types, where NaN is NaN."""
    assert came.keys() == expected.keys()
    for name, values in expected.items():
        assert came[name].dtype == values.dtype, name
        np.testing.assert_array_equal(came[name], values, err_msg=name)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "distance": st.floats(allow_nan=False, allow_infinity=False),
    "seats": st.integers(-(1 << 53), 1 << 53),
    "weekend": st.booleans(),
    "carrier": TEXTS,
    "tail": TEXTS,
}
_NULLABLE = {column.name for column in CONTRACT.inputs if column.nullable}
FULL_ROWS = st.lists(st.fixed_dictionaries(_VALUES), max_size=6)
"""Any rows of the contract's types in which nothing is null, as bytes have no null."""
ROWS = st.lists(
    st.fixed_dictionaries({n: st.none() | v if n in _NULLABLE else v for n, v in _VALUES.items()}), max_size=6
)
"""Any rows of the contract's types."""
