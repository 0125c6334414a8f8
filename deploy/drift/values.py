"""Values of a column as Python has them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyarrow import types


def values_of(column: pa.Array) -> list[Any]:
    """Each value, with None for null and for the empty text."""
    found: list[Any] = (column.dictionary_decode() if types.is_dictionary(column.type) else column).to_pylist()
    return [None if value == "" else value for value in found]
