"""Whatever goes wrong, a job for a single file says so in a sentence and leaves what stood at its output."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from slipway.errors import BundleError, ContractError, DataError, SettingsError, SlipwayError, StorageError
from tests.support.batch_jobs import score, some_rows, write_rows
from tests.support.bundles import make_bundle

HEADER = "distance,seats,carrier\n"


def refused(folder: Path, name: str, content: str | bytes, error: type[SlipwayError], **options: list[str]) -> str:
    """Run a job that must fail, check that nothing was left or lost, and return the message."""
    source, out = folder / name, folder / "out.csv"
    source.write_bytes(content if isinstance(content, bytes) else content.encode())
    out.write_text("yesterday's answer")
    bundle = make_bundle(folder)
    before = sorted(folder.iterdir())
    with pytest.raises(error) as caught:
        score(source, out, bundle, keep=options.get("keep", ()))
    assert sorted(folder.iterdir()) == before
    assert out.read_text() == "yesterday's answer"
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "Empty CSV file"),
        (HEADER, "has no rows"),
        ("distance,carier\n1,AA\n", "has no column 'carrier' (did you mean 'carier'?)"),
        ("distance,distance,carrier\n1,1,AA\n", "has more than one column named 'distance'"),
        ("distance,note,carrier,note\n1,a,AA,b\n", "has more than one column named 'note'"),
        ("distance,carrier,release\n1,AA,x\n", "already has a column 'release'"),
        (HEADER + '1,2,AA\n1,2,"AA\n', "a quote in row 1 is never closed"),
    ],
)
def test_an_unreadable_csv_file_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    assert message in refused(tmp_path, "in.csv", content, DataError)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER + "1,2,AA\n1,2\n", "row 1 (line 3), the row has 2 fields but the header has 3"),
        (
            HEADER.encode() + b"1,2,AA\n1,2,\xff\xfe\n",
            "row 1 (line 3), column 'carrier': the bytes are not valid UTF-8",
        ),
        (HEADER + "1,2,AA\nfar,2,AA\n", "row 1 (line 3), column 'distance': expected a finite number, got \"far\""),
        (
            HEADER + "1,2,AA\n1,many,AA\n",
            "row 1 (line 3), column 'seats': expected an integer or null, got \"many\"",
        ),
        (HEADER + "\n1,2,AA\n\n far ,2,AA\n", "row 1 (line 5), column 'distance'"),
        (HEADER.replace("\n", "\r\n") + "1,2,AA\r\nfar,2,AA\r\n", "row 1 (line 3), column 'distance'"),
        ("\ufeff" + HEADER + "far,2,AA\n", "row 0 (line 2), column 'distance'"),
        ("note," + HEADER + '"a\nb,\nc",1,2,AA\n"d",far,2,AA\n', "row 1 (line 5), column 'distance'"),
        ("carrier,note,seats,distance\nAA,far,2,1\nAA,é,2,far\n", "row 1 (line 3), column 'distance'"),
        (
            "distance,seats,carrier\n" + "1,2,AA\n" * 1_500_000 + "é,2,AA\n",
            "row 1500000 (line 1500002), column 'distance': expected a finite number, got \"é\"",
        ),
    ],
    ids=[
        "too few fields",
        "not valid UTF-8",
        "text",
        "text in a nullable column",
        "empty lines",
        "CRLF",
        "BOM",
        "quoted newlines",
        "reordered",
        "far on",
    ],
)
@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz"])
def test_a_row_that_is_unreadable_is_told_with_its_number_and_line(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    raw = content.encode() if isinstance(content, str) else content
    packed = gzip.compress(raw, 1) if name.endswith(".gz") else raw
    said = refused(tmp_path, name, packed, ContractError, keep=["carrier"])
    assert said.startswith("1 of the ")
    assert f"{name} break the contract, so nothing was written: {message}" in said
    assert not said.endswith("...")


def test_of_several_files_the_one_with_the_bad_row_is_named(tmp_path: Path) -> None:
    write_rows(tmp_path / "in/a.csv", some_rows(50))
    write_rows(tmp_path / "in/b.csv", some_rows(50, seed=1) | {"carrier": ["AA"] * 49 + ["ZZ"]})
    with pytest.raises(
        ContractError, match=r"1 of the 100 rows .*: b\.csv row 49 \(line 51\), column 'carrier': expected one of"
    ):
        score(tmp_path / "in", tmp_path / "out.csv", make_bundle(tmp_path / "r"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "r"]


def test_a_whole_number_that_would_not_stay_exact_is_refused(tmp_path: Path) -> None:
    assert "2**53" in refused(tmp_path, "in.csv", HEADER + "1,9007199254740993,AA\n", ContractError)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.csv", some_rows(60))
    with pytest.raises(DataError, match=r"in\.csv changed while it was read; nothing was published"):
        score(source, tmp_path / "out.csv", make_bundle(tmp_path / "r"),
              progress=lambda plan: lambda rows, place: os.utime(source, (1, 1)))  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "r"]


def test_a_kept_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "did you mean 'seats'" in refused(tmp_path, "in.csv", HEADER + "1,2,AA\n", DataError, keep=["seat"])


def test_rows_that_break_the_contract_are_counted_and_the_first_three_shown(tmp_path: Path) -> None:
    content = HEADER + "1,1.5,AA\n,2,UA\n3,2,ZZ\n4,2,AA\n5,,\n,,\n"
    message = refused(tmp_path, "in.csv", content, ContractError)
    assert "5 of the 6 rows" in message
    assert "row 0 (line 2), column 'seats': expected an integer or null, got 1.5" in message
    assert "row 1 (line 3), column 'distance': expected a finite number, got null" in message
    assert "row 2 (line 4), column 'carrier': expected one of" in message
    assert "row 4" not in message
    assert message.endswith("; ...")


def test_a_bad_row_far_into_the_file_leaves_nothing_of_the_rows_before_it(tmp_path: Path) -> None:
    carriers = ["AA"] * 150_000 + ["ZZ"]
    pq.write_table(pa.table({"distance": np.ones(len(carriers)), "carrier": carriers}), tmp_path / "made.parquet")
    message = refused(tmp_path, "in.parquet", (tmp_path / "made.parquet").read_bytes(), ContractError)
    assert "1 of the 150001 rows" in message
    assert "row 150000, column 'carrier'" in message


@pytest.mark.parametrize("twice", ["distance", "note"])
def test_two_columns_of_one_name_are_refused_in_parquet_too(tmp_path: Path, twice: str) -> None:
    columns = {"distance": pa.array([1.0]), "carrier": pa.array(["AA"]), "note": pa.array(["x"])}
    rows = pa.Table.from_arrays([*columns.values(), columns[twice]], names=[*columns, twice])
    pq.write_table(rows, tmp_path / "made.parquet")
    message = refused(tmp_path, "in.parquet", (tmp_path / "made.parquet").read_bytes(), DataError)
    assert f"has more than one column named '{twice}'" in message


@pytest.mark.parametrize("cut", [0, 4, -20])
def test_a_truncated_parquet_file_is_refused(tmp_path: Path, cut: int) -> None:
    pq.write_table(pa.table({"distance": [1.0], "carrier": ["AA"]}), tmp_path / "made.parquet")
    assert "cannot be read" in refused(
        tmp_path, "in.parquet", (tmp_path / "made.parquet").read_bytes()[:cut], DataError
    )


def test_a_parquet_file_damaged_in_its_middle_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pq.write_table(
        pa.table({"distance": rng.normal(size=90_000), "carrier": ["AA"] * 90_000}), tmp_path / "made.parquet"
    )
    content = bytearray((tmp_path / "made.parquet").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200_000] = bytes(200_000)
    refused(tmp_path, "in.parquet", bytes(content[: (tmp_path / "made.parquet").stat().st_size]), DataError)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [("distance", ["far"], "has text, but the contract of 'flights' requires numbers (double); nothing"),
     ("distance", [True], "has true and false, but the contract of 'flights' requires numbers (double)"),
     ("carrier", [5], "has integers, but the contract of 'flights' requires text (string)")],
)  # fmt: skip
def test_a_parquet_column_of_another_type_is_refused(
    tmp_path: Path, column: str, values: list[object], message: str
) -> None:
    pq.write_table(pa.table({"distance": [1.0], "carrier": ["AA"]} | {column: values}), tmp_path / "made.parquet")
    assert message in refused(tmp_path, "in.parquet", (tmp_path / "made.parquet").read_bytes(), ContractError)


def test_a_suffix_that_says_nothing_is_refused(tmp_path: Path) -> None:
    assert "expected a name that ends in .csv" in refused(tmp_path, "in.txt", HEADER, SettingsError)
    (tmp_path / "in.csv").write_text(HEADER + "1,2,AA\n")
    bundle = next(tmp_path.glob("1.2.3-*"))
    with pytest.raises(SettingsError, match="must end in .csv"):
        score(tmp_path / "in.csv", tmp_path / "out.xls", bundle)
    with pytest.raises(SettingsError, match="both the input and the output"):
        score(tmp_path / "in.csv", tmp_path / "in.csv", bundle)
    with pytest.raises(SettingsError, match="both the input and the output"):
        score(f"{tmp_path}/i*.csv", tmp_path / "in.csv", bundle)
    with pytest.raises(SettingsError, match="inside the input"):
        score(tmp_path, tmp_path / "out.csv", bundle)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(StorageError, match="it is a folder"):
        score(tmp_path / "in.csv", tmp_path / "folder.csv", bundle)
    with pytest.raises(StorageError, match="no such folder"):
        score(tmp_path / "in.csv", tmp_path / "nowhere" / "out.csv", bundle)
    with pytest.raises(DataError, match="no such file or folder"):
        score(tmp_path / "absent.csv", tmp_path / "out.csv", bundle)


def test_a_tampered_bundle_scores_nothing(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    (bundle / "model.onnx").write_bytes(b"x")
    (tmp_path / "in.csv").write_text(HEADER + "1,2,AA\n")
    with pytest.raises(BundleError, match="has changed"):
        score(tmp_path / "in.csv", tmp_path / "out.csv", bundle)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("out", ["out.csv", "out.parquet"])
def test_a_full_disk_is_told_and_nothing_is_left(tmp_path: Path, out: str) -> None:
    rng = np.random.default_rng(0)
    pq.write_table(pa.table({"distance": rng.normal(size=90_000), "carrier": ["AA"] * 90_000}), tmp_path / "in.parquet")
    bundle = make_bundle(tmp_path)
    before = sorted(tmp_path.iterdir())
    # A limit on the size of files is the one full disk that a test can make without being root.
    program = (
        "import resource, signal; from pathlib import Path; from tests.support.batch_jobs import score\n"
        "from slipway.errors import StorageError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        f"try: score(Path({str(tmp_path / 'in.parquet')!r}), Path({str(tmp_path / out)!r}), Path({str(bundle)!r}))\n"
        "except StorageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert f"{tmp_path / out} cannot be written: File too large; no partial file is left" in done.stdout
    assert sorted(tmp_path.iterdir()) == before
