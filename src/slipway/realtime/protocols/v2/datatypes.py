"""The datatypes of the v2 protocol, and which columns they may carry. Light: the server's parent process imports it."""

from __future__ import annotations

from slipway.contract.schema import Type

_INTEGERS = [f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)]
_NUMBERS = ("FP64", "FP32", "FP16", *_INTEGERS)

DATATYPES: dict[Type, str] = {"double": "FP64", "long": "INT64", "boolean": "BOOL", "string": "BYTES"}
"""The datatype in which a column of each type is announced and answered."""
ACCEPTED: dict[Type, tuple[str, ...]] = {
    "double": _NUMBERS,
    "long": _NUMBERS,
    "boolean": ("BOOL",),
    "string": ("BYTES",),
}
"""The datatypes in which a column of each type may come."""


def _range(datatype: str) -> tuple[int, int]:
    bits = int(datatype.partition("INT")[2])
    return (0, (1 << bits) - 1) if datatype.startswith("U") else (-1 << (bits - 1), (1 << (bits - 1)) - 1)


RANGES = {datatype: _range(datatype) for datatype in _INTEGERS}
"""The smallest and the largest value of each datatype of whole numbers."""
