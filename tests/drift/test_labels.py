"""Truth that came later, in a file of its own, is found again by a key: the same live metric as if it had been there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from slipway.drift.labels import read_labels
from slipway.drift.reference import ReferenceSide
from slipway.errors import DataError
from slipway.tables.prediction_log import sample_rows
from tests.support.drifting_rows import CALM, found, log, predicted, written

BARS = {"minimum": {"accuracy": 0.9}}


@pytest.fixture
def truth() -> np.ndarray:
    """What turned out to be true of each calm row; of some it is not known yet."""
    truth = predicted(CALM)["prediction"].astype(object)
    truth[::7], truth[::11] = "early", None
    return truth


@pytest.mark.parametrize("rows", ["rows.parquet", "rows.csv"])
@pytest.mark.parametrize("outcomes", ["outcomes.parquet", "outcomes.csv", "outcomes.jsonl"])
def test_it_is_found_by_a_column_of_both_files(
    against: ReferenceSide, truth: np.ndarray, tmp_path: Path, rows: str, outcomes: str
) -> None:
    there = found(against, written(tmp_path / "there.parquet", CALM, truth=truth), label="truth", **BARS)
    keys = np.arange(1000, 1840)
    place = written(tmp_path / "rows.parquet", CALM, flight=keys)
    if rows.endswith("csv"):
        csv.write_csv(pq.read_table(place), tmp_path / rows)
    table = pd.DataFrame({"flight": keys, "truth": truth}).sample(frac=1, random_state=0)
    kept_as(table, tmp_path / outcomes)
    told = found(against, tmp_path / rows, label="truth", labels_file=str(tmp_path / outcomes), key="flight", **BARS)
    assert told.live == there.live
    assert told.live is not None and told.live.rows == 840 - len(range(0, 840, 11))


def test_it_is_found_for_logged_requests_by_their_id_and_row(
    against: ReferenceSide, truth: np.ndarray, tmp_path: Path
) -> None:
    there = found(against, written(tmp_path / "there.parquet", CALM, truth=truth), label="truth", **BARS)
    log(tmp_path / "logs", CALM)
    order = np.argsort(CALM["time"])
    table = pd.DataFrame(
        {"request_id": [f"request {n // 10}" for n in range(840)], "row": np.arange(840) % 10, "truth": truth[order]}
    )
    table.to_csv(tmp_path / "outcomes.csv", index=False)
    asked = {"label": "truth", "labels_file": str(tmp_path / "outcomes.csv"), "key": "request_id", **BARS}
    assert found(against, tmp_path / "logs", **asked).live == there.live
    table.drop(columns="row").drop_duplicates("request_id").to_csv(tmp_path / "outcomes.csv", index=False)
    with pytest.raises(DataError, match=r"request 'request \d+' has 10 rows, but .*outcomes.csv has no column 'row'"):
        found(against, tmp_path / "logs", **asked)
    with pytest.raises(DataError, match="no labels such as 'truth'; use --labels-file .* by 'request_id'"):
        found(against, tmp_path / "logs", label="truth")


def test_of_a_large_request_the_rows_that_were_kept_are_meant(against: ReferenceSide, tmp_path: Path) -> None:
    pd.DataFrame({"request_id": "a", "row": range(20_101), "truth": range(20_101)}).to_csv(
        tmp_path / "outcomes.csv", index=False
    )
    outcomes = read_labels(str(tmp_path / "outcomes.csv"), "request_id", "truth", against.contract)
    assert outcomes.for_request("a", 20_101) == [str(row) for row in range(0, 20_101, 202)]
    assert len(sample_rows(20_101)) == 100 and list(sample_rows(100)) == list(range(100))
    assert outcomes.for_request("b", 3) == [None] * 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("flight,truth\n1,late\n1,early\n", "has two labels for flight '1': 'late' and 'early'"),
        ("flight,outcome\n1,late\n", "has no column 'truth'; it has flight, outcome"),
        ("number,truth\n1,late\n", "has no column 'flight'; it has number, truth"),
        ("", "outcomes.csv"),
        ("flight,truth\n1,late\n2\n", "has 1 broken lines or fields"),
    ],
)
def test_a_file_that_does_not_say_it_is_refused(against: ReferenceSide, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "outcomes.csv").write_text(text)
    with pytest.raises(DataError, match=said):
        read_labels(str(tmp_path / "outcomes.csv"), "flight", "truth", against.contract)


def test_the_row_of_a_request_is_a_number(against: ReferenceSide, tmp_path: Path) -> None:
    (tmp_path / "outcomes.csv").write_text("request_id,row,truth\na,first,late\n")
    with pytest.raises(DataError, match="expected integers from 0, got 'first'"):
        read_labels(str(tmp_path / "outcomes.csv"), "request_id", "truth", against.contract)


def test_rows_without_the_key_are_refused(against: ReferenceSide, tmp_path: Path) -> None:
    (tmp_path / "outcomes.csv").write_text("flight,truth\n1,late\n")
    place = written(tmp_path / "rows.parquet", CALM)
    with pytest.raises(DataError, match="has no column 'flight'"):
        found(against, place, label="truth", labels_file=str(tmp_path / "outcomes.csv"), key="flight")


def kept_as(table: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".parquet":
        table.to_parquet(path)
    elif path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_json(path, orient="records", lines=True)
