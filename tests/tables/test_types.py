"""Whatever Arrow type a number or a text has in its file, the model sees the same, and what is kept keeps its type."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from slipway.errors import ContractError
from tests.support.batch_jobs import agree, run
from tests.support.bundles import make_bundle

ROWS: dict[str, list[Any]] = {"distance": [1.0, 2.0, 3.0], "seats": [3.0, 1.0, 2.0], "carrier": ["AA", "UA", "AA"]}
WHOLE = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
JSON = '{{"distance": 1, "seats": N, "carrier": "\\u0041A"}}\n'
NUMBERS = [*WHOLE, pa.float16(), pa.float32(), pa.float64(), pa.decimal128(10, 2), pa.decimal256(50, 3)]
TEXTS = [pa.string(), pa.large_string(), pa.string_view()]
KEPT = {
    "struct": [{"a": 1, "b": [1, 2]}, None, {"a": 2, "b": []}],
    "list": [["a"], [], None],
    "moment": [datetime(2013, 1, 1, tzinfo=UTC), None, datetime(2013, 1, 2, tzinfo=UTC)],
    "day": [date(2013, 1, 1)] * 3,
    "hour": [time(1)] * 3,
    "while": [timedelta(1)] * 3,
    "price": [Decimal("1.10")] * 3,
    "bytes": [b"\x00\xff"] * 3,
    "nothing": [None] * 3,
    "true": [True, None, False],
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("releases"))


def numbers(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_float16(kind):
        return pa.array(np.array(values, dtype=np.float16))
    return pa.array(values).cast(kind)


def write(path: Path, columns: dict[str, pa.Array]) -> Path:
    table = pa.table(columns)
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        feather.write_feather(table, path, compression="uncompressed")
    return path


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
@pytest.mark.parametrize("kind", NUMBERS, ids=str)
def test_a_number_of_any_type_gives_the_same_answer(tmp_path: Path, bundle: Path, kind: Any, suffix: str) -> None:
    columns = {name: numbers(ROWS[name], kind) for name in ("distance", "seats")}
    source = write(tmp_path / f"in.{suffix}", {**columns, "carrier": pa.array(ROWS["carrier"])})
    run(source, tmp_path / "out", bundle)
    table = pq.read_table(tmp_path / "out")
    agree(table, ROWS)
    assert (
        table.schema.field("seats").type == pq.read_table(source).schema.field("seats").type
        if suffix == "parquet"
        else kind
    )


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
@pytest.mark.parametrize("kind", [*TEXTS, *(pa.dictionary(pa.int8(), text) for text in TEXTS[:2])], ids=str)
def test_a_text_of_any_type_gives_the_same_answer(tmp_path: Path, bundle: Path, kind: Any, suffix: str) -> None:
    carriers = (
        pa.array(ROWS["carrier"]).dictionary_encode() if pa.types.is_dictionary(kind) else pa.array(ROWS["carrier"])
    )
    columns = {name: pa.array(ROWS[name]) for name in ("distance", "seats")}
    run(write(tmp_path / f"in.{suffix}", {**columns, "carrier": carriers.cast(kind)}), tmp_path / "out", bundle)
    agree(pq.read_table(tmp_path / "out"), ROWS)
    assert pq.read_table(tmp_path / "out")["carrier"].to_pylist() == ROWS["carrier"]


def test_kept_columns_of_any_type_are_kept_as_they_are(tmp_path: Path, bundle: Path) -> None:
    inputs = {name: pa.array(values) for name, values in ROWS.items()}
    source = write(tmp_path / "in.parquet", {**inputs, **{name: pa.array(values) for name, values in KEPT.items()}})
    run(source, tmp_path / "out", bundle)
    before, after = pq.read_table(source), pq.read_table(tmp_path / "out")
    assert after.select(before.column_names).equals(before)


@pytest.mark.parametrize(
    ("column", "values"),
    [("distance", [{"a": 1.0}] * 3), ("carrier", [["AA"]] * 3), ("carrier", [b"AA"] * 3),
     ("distance", KEPT["day"]), ("seats", [True] * 3)],
)  # fmt: skip
def test_an_input_of_a_type_that_is_no_number_or_text_is_refused(
    tmp_path: Path, bundle: Path, column: str, values: list[Any]
) -> None:
    columns = {name: pa.array(given) for name, given in {**ROWS, column: values}.items()}
    with pytest.raises(ContractError, match=f"column '{column}' of .*in.parquet has "):
        run(write(tmp_path / "in.parquet", columns), tmp_path / "out", bundle)


def test_numbers_that_are_none_or_too_large_are_set_aside(tmp_path: Path, bundle: Path) -> None:
    distances = [1.0, np.nan, np.inf, -np.inf, None, 1.0, 1.0, 1.0]
    seats = [1, 1, 1, 1, 1, 2**53 + 1, 2**63, None]
    columns = {"distance": pa.array(distances), "seats": pa.array(seats, pa.uint64()), "carrier": pa.array(["AA"] * 8)}
    done = run(write(tmp_path / "in.parquet", columns), tmp_path / "out", bundle, max_bad="100%")
    assert done.manifest["rows"] == {"in": 8, "scored": 3, "quarantined": 5}
    told = {row["row"]: row["reasons"] for row in pq.read_table(tmp_path / "out/_quarantine").to_pylist()}
    assert sorted(told) == [1, 2, 3, 4, 6]
    assert pq.read_table(tmp_path / "out")["seats"].to_pylist() == [1, 2**53 + 1, None]
    assert told[2].startswith("column 'distance': expected a finite number, got Infinity")


@pytest.mark.parametrize(
    ("name", "text"),
    [("in.csv", "distance,seats,carrier\n1,{0},AA\n1,{1},AA\n1,-{0},AA\n1,,AA\n"),
     ("in.jsonl", "".join(JSON.replace("N", n) for n in ("{0}", "{1}", "-{0}", "null")))],
)  # fmt: skip
def test_whole_numbers_of_text_that_are_kept_are_exact_or_set_aside(
    tmp_path: Path, bundle: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text.format(2**53 + 1, 2**53 - 1))
    done = run(tmp_path / name, tmp_path / "out", bundle, keep=("seats",), max_bad="2")
    assert done.manifest["rows"] == {"in": 4, "scored": 2, "quarantined": 2}
    assert pq.read_table(tmp_path / "out")["seats"].to_pylist() == [2**53 - 1, None]
    told = pq.read_table(tmp_path / "out/_quarantine").to_pylist()
    assert all("2**53 or more is not exact" in row["reasons"] for row in told)
    run(tmp_path / name, tmp_path / "all", bundle, keep=("carrier",))
    assert pq.read_table(tmp_path / "all").num_rows == 4
