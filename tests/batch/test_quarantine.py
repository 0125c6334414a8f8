"""A row that breaks the contract is set aside with its reasons and its text; a file that cannot be read is named."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from slipway.errors import ContractError, DataError, SuspiciousPredictionsError
from slipway.tables.csv_reader import BLOCK
from tests.support.batch_jobs import agree, run, some_rows, write_rows
from tests.support.bundles import make_bundle

HEADER = "id,distance,seats,carrier,tail\n"
GOOD = "1,0.5,100,AA,N1\n"
JSON = b'{"distance": 1, "carrier": "AA"}\n'
BAD = {
    "too few fields": (b"2,0.5\n", "the row has 2 fields but the header has 5"),
    "too many fields": (b"2,0.5,100,AA,N1,x\n", "the row has 6 fields but the header has 5"),
    "text in a number": (b"2,far,100,AA,N1\n", "column 'distance': expected a finite number, got \"far\""),
    "no whole number": (b"2,1,1.5,AA,N1\n", "column 'seats': expected an integer or null, got 1.5"),
    "null": (b"2,,100,AA,N1\n", "column 'distance': expected a finite number, got null"),
    "infinite": (b"2,1e999,100,AA,N1\n", "column 'distance': expected a finite number, got Infinity"),
    "wrong encoding": ("2,1,100,AA,Köln\n".encode("latin-1"), "column 'tail': the bytes are not valid UTF-8"),
    "unknown value": (b"2,1,100,ZZ,N1\n", "column 'carrier': expected one of"),
    "NUL in a number": (b"2,1\x00,100,AA,N1\n", "column 'distance': expected a finite number, got \"1\\u0000\""),
    "the text that means null": (
        b"2,1,100,AA,\x00null\n",
        "column 'tail': expected a string other than the reserved",
    ),
    "two at once": (b"2,far,1.5,AA,N1\n", "got \"far\"; column 'seats': expected an integer or null, got 1.5"),
}


def quarantine(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder).to_pylist()
    return found


@pytest.mark.parametrize("broken", BAD)
@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz"])
def test_a_bad_row_of_a_csv_file_is_set_aside_and_no_other(tmp_path: Path, name: str, broken: str) -> None:
    line, reason = BAD[broken]
    text = HEADER.encode() + GOOD.encode() * 30 + line + GOOD.encode() * 20 + line
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    done = run(tmp_path / name, tmp_path / "out", make_bundle(tmp_path / "r"), max_bad="2", part=25)
    assert done.manifest["rows"] == {"in": 52, "scored": 50, "quarantined": 2}
    assert pq.read_table(tmp_path / "out").num_rows == 50
    rows = quarantine(tmp_path / "out/_quarantine")
    assert [(row["file"], row["row"]) for row in rows] == [(name, 30), (name, 51)]
    assert reason in rows[0]["reasons"]
    assert "2" in rows[0]["original"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [(b'{"distance": "far", "carrier": "AA"}', "Column(/distance) changed from number to string"),
     (b'{"distance": 1, "carrier": 5}', "Column(/carrier) changed from string to number"),
     (b'{"distance": 1, "carrier": "AA"', "Missing a comma"),
     (b"nonsense", "Invalid value"),
     (b'{"distance": 1, "carrier": "AA"} {"distance": 1, "carrier": "AA"}', "2 objects in 1 lines"),
     (b'{"carrier": "AA"}', "column 'distance': expected a finite number, got null"),
     (b'{"distance": 1, "carrier": "\xff"}', "utf-8")],
)  # fmt: skip
def test_a_bad_line_of_json_is_set_aside_and_no_other(tmp_path: Path, line: bytes, reason: str) -> None:
    good = b'{"distance": 1, "carrier": "AA"}\n'
    (tmp_path / "in.jsonl").write_bytes(good * 30 + line + b"\n\n" + good * 20)
    done = run(tmp_path / "in.jsonl", tmp_path / "out", make_bundle(tmp_path / "r"), max_bad="2%", part=25)
    assert done.manifest["rows"] == {"in": 51, "scored": 50, "quarantined": 1}
    (row,) = quarantine(tmp_path / "out/_quarantine")
    assert row["row"] == 30
    assert reason in row["reasons"]


def test_the_good_rows_around_bad_ones_keep_their_answers(tmp_path: Path) -> None:
    rows = some_rows(2000)
    wrong = list(range(3, 2000, 97))
    for place in wrong:
        rows["carrier"][place] = "ZZ"
    run(
        write_rows(tmp_path / "in.parquet", rows), tmp_path / "out", make_bundle(tmp_path / "r"), max_bad="5%", part=500
    )
    good = {name: [v for place, v in enumerate(values) if place not in wrong] for name, values in rows.items()}
    table = pq.read_table(tmp_path / "out")
    agree(table, good)
    assert table["id"].to_pylist() == good["id"]
    found = quarantine(tmp_path / "out/_quarantine")
    assert [row["row"] for row in found] == wrong
    assert json.loads(found[0]["original"])["id"] == rows["id"][3]


@pytest.mark.parametrize(("limit", "passes"), [("0", False), ("9", False), ("10", True), ("0.9%", False), ("1%", True)])
def test_max_invalid_decides_when_bad_rows_fail_the_job(tmp_path: Path, limit: str, passes: bool) -> None:
    rows = some_rows(1000)
    for place in range(10):
        rows["carrier"][place * 100] = "ZZ"
    source, bundle = write_rows(tmp_path / "in.parquet", rows), make_bundle(tmp_path / "r")
    if passes:
        assert run(source, tmp_path / "out", bundle, max_bad=limit).manifest["rows"]["quarantined"] == 10
        return
    with pytest.raises(ContractError, match="10 of the 1000 rows"):
        run(source, tmp_path / "out", bundle, max_bad=limit)
    assert not (tmp_path / "out").exists()
    assert len(quarantine(tmp_path / "out.quarantine")) == 10
    assert run(source, tmp_path / "out", bundle, max_bad="10").state == "scored"
    assert not (tmp_path / "out.quarantine").exists()
    with pytest.raises(ContractError, match="was already scored with"):
        run(source, tmp_path / "out", bundle, max_bad=limit)


@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz"])
@pytest.mark.parametrize("end", ['"N\n1"', '"N\n1"\r\n', '"N\n"\n\n'])
def test_a_last_field_of_several_lines_that_is_closed_is_taken(tmp_path: Path, name: str, end: str) -> None:
    text = (HEADER + GOOD + "2,0.5,100,AA," + end).encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    run(tmp_path / name, tmp_path / "out", make_bundle(tmp_path / "r"), keep=("tail",))
    assert pq.read_table(tmp_path / "out")["tail"].to_pylist()[1].startswith("N\n")


def test_a_bad_row_is_found_though_the_last_column_is_not_wanted(tmp_path: Path) -> None:
    rows = "distance,carrier,note\n" + "1,AA,x\n" * 9 + "far,AA,x\n"
    (tmp_path / "in.csv").write_text(rows)
    done = run(tmp_path / "in.csv", tmp_path / "out", make_bundle(tmp_path / "r"), keep=("carrier",), max_bad="1")
    assert done.manifest["rows"] == {"in": 10, "scored": 9, "quarantined": 1}
    assert json.loads(quarantine(tmp_path / "out/_quarantine")[0]["original"]) == {"distance": "far", "carrier": "AA"}


def damaged(path: Path, cut: int) -> Path:
    path.write_bytes(path.read_bytes()[:cut])
    return path


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [("in.csv", b"", "Empty CSV file"),
     ("in.csv", HEADER.encode(), "has no rows"),
     ("in.csv", b"distance,carier\n1,AA\n", "did you mean 'carier'"),
     ("in.csv", (HEADER + GOOD).encode("utf-16"), "cannot be read"),
     ("in.csv", bytes(1000), "Empty CSV file"),
     ("in.csv", b"distance,distance,carrier\n1,1,AA\n", "more than one column named 'distance'"),
     ("in.csv", HEADER.encode() + GOOD.encode() + b"x" * (2 * BLOCK + 1) + b",1,1,AA,N\n", "cannot be read from row"),
     ("in.csv.gz", gzip.compress((HEADER + GOOD * 9).encode())[:-12], "Truncated"),
     ("in.csv.gz", b"no gzip at all", "cannot be read"),
     ("in.jsonl", b"", "cannot be read"),
     ("in.csv", (HEADER + GOOD + '2,0.5,100,AA,"N1\n' + GOOD).encode(), "a quote in row 1 is never closed"),
     ("in.csv.gz", gzip.compress((HEADER + GOOD + '2,0.5,100,AA,"N1\n' + GOOD).encode()), "a quote in row 1 is never"),
     ("in.csv", (HEADER + GOOD + '2,0.5,100,AA,"N1\n' + GOOD).rstrip().encode(), "a quote in row 1 is never closed"),
     ("in.jsonl", b"nonsense\n", "none of the first lines is a JSON object: Invalid value"),
     ("in.jsonl", b'{"carrier": "AA", "distance": 1, "distance": 2}\n', "Column(/distance) was specified twice"),
     ("in.jsonl", JSON + b"x" * (3 * BLOCK), "a line is longer than 8 MB"),
     ("in.jsonl.gz", gzip.compress(JSON + bytes(3 * BLOCK), 1), "a line is longer than 8 MB"),
     ("in.parquet", b"", "cannot be read"),
     ("in.arrow", b"ARROW1", "cannot be read")],
    ids=["empty", "no rows", "missing column", "UTF-16", "NUL bytes", "twice", "huge line", "cut gzip", "no gzip",
         "empty JSON", "open quote", "open quote in gzip", "open quote without a newline", "no JSON", "JSON twice",
         "huge JSON line", "huge JSON line in gzip", "empty Parquet", "cut Arrow"],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_named_and_nothing_is_written(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match="in") as caught:
        run(tmp_path / name, tmp_path / "out", make_bundle(tmp_path / "r"), max_bad="100%")
    assert message in str(caught.value)
    assert name.partition(".")[0] in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_all_the_truncated_files_of_a_folder_are_named_at_once(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_rows(tmp_path / f"in/{name}.parquet", some_rows(100))
    for name in ("a", "c"):
        damaged(tmp_path / f"in/{name}.parquet", -20)
    with pytest.raises(DataError, match=r"a\.parquet cannot be read: .*c\.parquet cannot be read: "):
        run(tmp_path / "in", tmp_path / "out", make_bundle(tmp_path / "r"))


def test_a_parquet_file_damaged_in_its_middle_is_named_with_the_row_that_was_reached(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    source = write_rows(
        tmp_path / "in.parquet", {"distance": rng.normal(size=90_000), "carrier": ["AA"] * 90_000}, row_group_size=9000
    )
    content = bytearray(source.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 100_000] = bytes(100_000)
    source.write_bytes(content)
    with pytest.raises(DataError, match=r"in\.parquet cannot be read from row \d+"):
        run(source, tmp_path / "out", make_bundle(tmp_path / "r"))
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_told_and_the_job_goes_on_where_it_was(tmp_path: Path) -> None:
    bundle, rows = make_bundle(tmp_path / "r"), some_rows(30_000)
    source = write_rows(tmp_path / "in.parquet", rows)
    program = (
        "import resource, sys; from pathlib import Path; from slipway.errors import StorageError\n"
        "from tests.support.batch_jobs import run\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        "try: run(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), part=20_000)\n"
        "except StorageError as error: print(error)"
    )
    command = [sys.executable, "-c", program, str(source), str(tmp_path / "out"), str(bundle)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cannot be written: File too large; no partial file is left" in done.stdout
    assert not (tmp_path / "out").exists()
    assert list((tmp_path / "out.slipway-work/dataset").iterdir()) == []
    run(source, tmp_path / "out", bundle, part=20_000)
    agree(pq.read_table(tmp_path / "out"), rows)


def test_one_and_the_same_prediction_for_all_rows_warns_or_fails_as_asked(tmp_path: Path) -> None:
    from slipway.batch.job import BatchRequest, score_dataset
    from slipway.batch.policy import Policy
    from slipway.bundle.release_file import verify

    source = write_rows(tmp_path / "in.csv", {"distance": [1.0] * 30, "carrier": ["AA"] * 30})
    bundle, said = verify(make_bundle(tmp_path / "r")), list[str]()
    with pytest.raises(
        SuspiciousPredictionsError, match="'probability_late' is .* in all 30 rows; .*no dataset was published"
    ):
        score_dataset(BatchRequest(str(source), tmp_path / "out", policy=Policy(on_anomaly="fail")), bundle)
    assert not (tmp_path / "out").exists()
    done = score_dataset(BatchRequest(str(source), tmp_path / "out", report=said.append), bundle)
    assert len(done.manifest["odd"]) == 3
    assert sum(line.startswith("suspicious predictions: ") for line in said) == 3


def test_a_parquet_file_of_which_a_flipped_bit_breaks_a_checksum_is_named(tmp_path: Path) -> None:
    rows = {"distance": np.random.default_rng(0).normal(size=9000), "carrier": ["AA"] * 9000}
    source = write_rows(tmp_path / "in.parquet", rows, write_page_checksum=True, compression="none")
    content = bytearray(source.read_bytes())
    content[len(content) // 2] ^= 1
    source.write_bytes(content)
    with pytest.raises(DataError, match=r"in\.parquet cannot be read from row"):
        run(source, tmp_path / "out", make_bundle(tmp_path / "r"))
