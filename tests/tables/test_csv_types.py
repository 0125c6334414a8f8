"""A field that is not a value of its column's type is reported with what was expected."""

from __future__ import annotations

import pyarrow as pa

from slipway.contract.schema import Column, Contract, outputs_of
from slipway.tables.csv_types import parse_fields


def test_words_in_a_boolean_column_are_reported_with_a_hint() -> None:
    contract = Contract("flights", "regression", (Column("night", "boolean"),), outputs_of("regression", ()))
    raw = pa.RecordBatch.from_pydict({"night": pa.array([b"true", b"yes", b"0", b"maybe"])})
    values, invalid = parse_fields(raw, pa.schema([("night", pa.bool_())]), contract)
    assert values.column("night").to_pylist() == [True, None, False, None]
    assert [str(field) for field in invalid] == [
        "column 'night': expected true or false, got \"yes\"; convert such words to true and false",
        "column 'night': expected true or false, got \"maybe\"",
    ]
