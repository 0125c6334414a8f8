"""A single file holds the scorer's numbers beside the rows that they belong to."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from slipway.contract.schema import Task
from tests.support.batch_jobs import agree, joined, score, some_rows, write_rows
from tests.support.bundles import CLASSES, GOLDEN, answers, flip, labels, make_bundle

PROBABILITIES = [f"probability_{name}" for name in CLASSES]
GOLDEN_CSV = (
    "id,distance,seats,carrier,tail\n007,0.5,100,AA,N1\n008,-1.25,,UA,\n009,3,3.0,00123,NA\n010,1e-3,NA,AA,N2\n"
)
GOLDEN_CSV_ROWS: dict[str, list[Any]] = {
    "distance": [0.5, -1.25, 3.0, 1e-3],
    "seats": [100, None, 3, None],
    "carrier": ["AA", "UA", "00123", "AA"],
    "tail": ["N1", None, "NA", "N2"],
}


def read(path: Path) -> pa.Table:
    if path.suffix == ".parquet":
        return pq.read_table(path)
    text = {"id": pa.string(), "carrier": pa.string()}
    return csv.read_csv(
        path, convert_options=csv.ConvertOptions(column_types=text, strings_can_be_null=True, null_values=[""])
    )


def probabilities(table: pa.Table) -> np.ndarray:
    return np.column_stack([table[name].to_numpy() for name in PROBABILITIES])


@pytest.mark.parametrize("out", ["out.csv", "out.parquet", "out.csv.gz"])
def test_csv_is_read_by_the_contract_and_scored(tmp_path: Path, out: str) -> None:
    (tmp_path / "in.csv").write_text(GOLDEN_CSV)
    summary = score(tmp_path / "in.csv", tmp_path / out, make_bundle(tmp_path))
    table = read(tmp_path / out)
    expected = answers(GOLDEN_CSV_ROWS)
    np.testing.assert_allclose(probabilities(table), expected, rtol=1e-15)
    assert table["prediction"].to_pylist() == labels(expected)
    assert table["id"].to_pylist() == ["007", "008", "009", "010"]
    assert table["carrier"].to_pylist() == GOLDEN_CSV_ROWS["carrier"]
    assert table["release"].to_pylist() == ["1.2.3"] * 4
    assert (summary["rows"], summary["release"]) == (4, "1.2.3")


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_parquet_keeps_its_own_types_and_is_scored(tmp_path: Path, task: Task) -> None:
    types = {"distance": pa.float32(), "seats": pa.int16(), "carrier": pa.dictionary(pa.int8(), pa.string())}
    rows = {**GOLDEN, "distance": [0.5, -1.25, 3.0, 0.25, 2.0]}
    columns = {name: pa.array(values, pa.string()).cast(types[name]) if name == "carrier" else
               pa.array(values, types.get(name)) for name, values in rows.items()}  # fmt: skip
    pq.write_table(pa.table({"day": pa.array([1, 2, 3, 4, 5], pa.date32()), **columns}), tmp_path / "in.parquet")
    score(tmp_path / "in.parquet", tmp_path / "out.parquet", make_bundle(tmp_path, task=task))
    table = read(tmp_path / "out.parquet")
    assert (table["day"].type, table["seats"].type) == (pa.date32(), pa.int16())
    given = table["prediction"].to_numpy() if task == "regression" else probabilities(table)
    np.testing.assert_allclose(given, answers(rows, task), rtol=1e-12)


def test_the_files_of_a_folder_become_one_file_and_nothing_else_is_left(tmp_path: Path) -> None:
    some = [some_rows(700, seed) for seed in range(2)]
    write_rows(tmp_path / "in/a.parquet", some[0])
    write_rows(tmp_path / "in/b.parquet", some[1])
    (tmp_path / "out.csv.gz").write_text("yesterday's answer")
    score(tmp_path / "in", tmp_path / "out.csv.gz", make_bundle(tmp_path / "releases"))
    table = read(tmp_path / "out.csv.gz")
    assert table["id"].to_pylist() == joined(*some)["id"]
    agree(table, joined(*some))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out.csv.gz", "releases"]


def test_only_the_kept_columns_and_the_answer_are_written(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(GOLDEN_CSV)
    score(tmp_path / "in.csv", tmp_path / "out.parquet", make_bundle(tmp_path), keep=["id"])
    assert read(tmp_path / "out.parquet").column_names == ["id", "prediction", *PROBABILITIES, "release"]


def test_whole_numbers_of_a_csv_file_stay_whole_and_quoted_text_stays_one_field(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('note,distance,seats,carrier\n"a,\nb",1,100,AA\n')
    score(tmp_path / "in.csv", tmp_path / "out.parquet", make_bundle(tmp_path))
    table = read(tmp_path / "out.parquet")
    assert table["seats"].type == pa.int64()
    assert table["note"].to_pylist() == ["a,\nb"]


def test_gzipped_csv_gives_the_same_answer(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    (tmp_path / "in.csv").write_text(GOLDEN_CSV)
    (tmp_path / "in.csv.gz").write_bytes(gzip.compress(GOLDEN_CSV.encode()))
    score(tmp_path / "in.csv", tmp_path / "plain.csv", bundle)
    score(tmp_path / "in.csv.gz", tmp_path / "zipped.csv", bundle)
    assert (tmp_path / "plain.csv").read_bytes() == (tmp_path / "zipped.csv").read_bytes()


def plain_rows() -> list[list[str]]:
    return [line.split(",") for line in GOLDEN_CSV.splitlines()]


def reordered() -> str:
    return "".join(",".join(row[::-1]) + "\n" for row in plain_rows())


def with_more_columns() -> str:
    more = [["note", "when"], *[['"a,\n""b"""', "2013-01-01"]] * 4]
    return "".join(",".join([extra[0], *row, extra[1]]) + "\n" for row, extra in zip(plain_rows(), more, strict=True))


@pytest.mark.parametrize(
    "content",
    [
        GOLDEN_CSV.replace("\n", "\r\n"),
        "\ufeff" + GOLDEN_CSV,
        GOLDEN_CSV.rstrip("\n"),
        GOLDEN_CSV.replace("AA", '"AA"').replace("id", '"id"'),
        reordered(),
        with_more_columns(),
    ],
    ids=["CRLF", "BOM", "no last newline", "quotes", "reordered", "more columns, with newlines and quotes in them"],
)
def test_csv_in_another_dress_gives_the_same_answers(tmp_path: Path, content: str) -> None:
    bundle = make_bundle(tmp_path)
    (tmp_path / "plain.csv").write_text(GOLDEN_CSV)
    (tmp_path / "dressed.csv").write_text(content, newline="")
    score(tmp_path / "plain.csv", tmp_path / "plain.parquet", bundle)
    score(tmp_path / "dressed.csv", tmp_path / "dressed.parquet", bundle)
    plain, dressed = read(tmp_path / "plain.parquet"), read(tmp_path / "dressed.parquet")
    assert dressed.select(plain.column_names).equals(plain)
    if "note" in dressed.column_names:
        assert dressed["note"].to_pylist() == ['a,\n"b"'] * 4


def test_parquet_with_other_columns_in_another_order_gives_the_same_answers(tmp_path: Path) -> None:
    bundle, names = make_bundle(tmp_path), list(GOLDEN)
    rows = pa.table({name: pa.array(GOLDEN[name]) for name in names})
    more = rows.select(names[::-1]).add_column(1, "note", pa.array([["a list"]] * len(rows)))
    for name, table in (("plain", rows), ("more", more)):
        pq.write_table(table, tmp_path / f"{name}.parquet")
        score(tmp_path / f"{name}.parquet", tmp_path / f"{name}-out.parquet", bundle)
    plain, dressed = read(tmp_path / "plain-out.parquet"), read(tmp_path / "more-out.parquet")
    assert dressed.select(plain.column_names).equals(plain)
    assert dressed["note"].to_pylist() == [["a list"]] * len(rows)


def test_many_batches_keep_every_row_in_its_order(tmp_path: Path) -> None:
    count = 200_000
    rng = np.random.default_rng(0)
    rows = {"distance": rng.normal(size=count), "carrier": rng.choice(["AA", "UA", "00123"], count)}
    pq.write_table(pa.table({"id": np.arange(count), **rows}), tmp_path / "in.parquet")
    seen: list[int] = []
    score(tmp_path / "in.parquet", tmp_path / "out.parquet", make_bundle(tmp_path), keep=["id"],
          progress=lambda plan: lambda rows, place: seen.append(rows))  # fmt: skip
    table = read(tmp_path / "out.parquet")
    assert table["id"].to_pylist() == list(range(count))
    np.testing.assert_allclose(probabilities(table), answers(rows), rtol=1e-12)  # type: ignore[arg-type]
    assert len(seen) > 1
    assert seen[-1] == count


def test_the_champion_is_resolved_once_at_the_start(tmp_path: Path) -> None:
    first, second = make_bundle(tmp_path / "releases", "1.0.0"), make_bundle(tmp_path / "releases", "2.0.0", bias=1.0)
    flip(tmp_path, first)
    (tmp_path / "in.csv").write_text(GOLDEN_CSV)
    score(tmp_path / "in.csv", tmp_path / "out.csv", tmp_path / "current",
          progress=lambda plan: lambda rows, place: flip(tmp_path, second))  # fmt: skip
    assert set(read(tmp_path / "out.csv")["release"].to_pylist()) == {"1.0.0"}
    assert score(tmp_path / "in.csv", tmp_path / "out.csv", second)["release"] == "2.0.0"


def test_no_training_library_is_imported(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(GOLDEN_CSV)
    bundle = make_bundle(tmp_path)
    program = (
        "import sys; from pathlib import Path; from slipway.batch.one_file import score_file\n"
        "from slipway.inference.scorer import load\n"
        f"score_file({str(tmp_path / 'in.csv')!r}, Path({str(tmp_path / 'out.csv')!r}), load(Path({str(bundle)!r})))\n"
        "print(sorted({'pandas', 'sklearn', 'mlflow', 'pydantic', 'scipy', 'onnx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
