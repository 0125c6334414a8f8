"""Decodes valid JSON requests directly into rows, with decoders generated from the contract.

msgspec checks the types while it parses, so a valid request needs no second pass. For any other body the result is None,
and the slower ``decode`` module finds out what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from slipway.contract.schema import Column, Contract

Row = tuple[Any, ...]
"""A value for each input, in the contract's order."""
# Clients choose the order, so the cache needs a limit.
_MAX_CACHED_ORDERS = 64
_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


class _Split(msgspec.Struct, forbid_unknown_fields=True):
    columns: list[str]
    data: Raw
    index: Raw = Raw()


class TypedDecoder:
    """Decodes the requests of one contract."""

    def __init__(self, contract: Contract) -> None:
        self._columns = contract.inputs
        self._names = [f"c{position}" for position in range(len(self._columns))]
        self._row = self._struct("Row", _type, lambda c: None if c.nullable else msgspec.NODEFAULT)
        self._lists = self._struct("Lists", lambda c: list[_type(c)], lambda c: UNSET)  # type: ignore[misc]
        self._values = _getter(self._names)
        self._body: Any = msgspec.json.Decoder(self._body_type())
        self._orders: dict[tuple[str, ...], Callable[[Raw], list[Row] | None]] = {}

    def __call__(self, body: bytes) -> list[Row] | None:
        """Decode the rows of a body, with null for missing values; None if anything is unusual."""
        try:
            decoded = self._body.decode(body)
            given = [form for form in map(decoded.__getattribute__, _FORMS) if form is not UNSET]
            return (self._from_form(given[0]) or None) if len(given) == 1 else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def _from_form(self, content: Any) -> list[Row] | None:
        if isinstance(content, list):
            return list(map(self._values, content))
        if isinstance(content, _Split):
            return self._from_split(content)
        return self._from_lists(content)

    def _from_split(self, content: _Split) -> list[Row] | None:
        order = tuple(content.columns)
        decode = self._orders.get(order)
        if decode is None:
            decode = self._decoder_of(order)
            if len(self._orders) < _MAX_CACHED_ORDERS:
                self._orders[order] = decode
        return decode(content.data)

    def _from_lists(self, content: Any) -> list[Row] | None:
        lists = self._values(content)
        given = [values for values in lists if values is not UNSET]
        rows = len(given[0]) if given else 0
        if any(len(values) != rows for values in given):
            return None
        absent = [c.name for c, values in zip(self._columns, lists, strict=True) if values is UNSET and not c.nullable]
        return None if absent else list(zip(*([None] * rows if v is UNSET else v for v in lists), strict=True))

    def _decoder_of(self, order: tuple[str, ...]) -> Callable[[Raw], list[Row] | None]:
        """Build the decoder of rows that are lists with their values in this order of columns."""
        positions = {c.name: order.index(c.name) for c in self._columns if c.name in order}
        absent = [c for c in self._columns if c.name not in positions]
        if any(not c.nullable for c in absent) or any(order.count(name) > 1 for name in positions):
            return lambda data: None
        types = {positions[c.name]: _type(c) for c in self._columns if c.name in positions}
        fields: Any = [(f"p{position}", types.get(position, Raw)) for position in range(len(order))]
        row: Any = msgspec.defstruct(
            "SplitRow", fields, array_like=True, forbid_unknown_fields=True, namespace={"absent": None}
        )
        decoder = msgspec.json.Decoder(list[row])
        values = _getter([f"p{positions[c.name]}" if c.name in positions else "absent" for c in self._columns])
        return lambda data: list(map(values, decoder.decode(data)))

    def _struct(self, name: str, kind: Callable[[Column], Any], default: Callable[[Column], Any]) -> type:
        fields: Any = [(n, kind(c), default(c)) for n, c in zip(self._names, self._columns, strict=True)]
        rename = dict(zip(self._names, (c.name for c in self._columns), strict=True))
        return msgspec.defstruct(name, fields, kw_only=True, rename=rename, gc=False)

    def _body_type(self) -> type:
        rows: Any = list[self._row]  # type: ignore[name-defined]
        kinds = (_Split, rows, rows, self._lists | rows)
        fields: Any = [(form, kind | UnsetType, UNSET) for form, kind in zip(_FORMS, kinds, strict=True)]
        return msgspec.defstruct("Body", fields)


def _type(column: Column) -> Any:
    if column.type == "string":
        kind: Any = Literal[column.values] if column.values else str
    else:
        kind = bool if column.type == "boolean" else float
    return kind | None if column.nullable else kind


def _getter(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    get: Callable[[Any], Any] = attrgetter(*names)
    return get if len(names) > 1 else lambda row: (get(row),)
