"""The holdout is chosen so that a row of it stays one, and the gate can tell who may have seen it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from components.split.run import split
from slipway.errors import DataError, SettingsError
from slipway.gate.holdout import training_overlap
from slipway.tables.data_frame import read_parquet, write_parquet


def rows(count: int = 400) -> pd.DataFrame:
    """Some customers with several orders each, one order an hour."""
    return pd.DataFrame(
        {
            "order": range(count),
            "customer": [f"c{n % 60}" for n in range(count)],
            "time": pd.Timestamp("2013-01-01") + pd.to_timedelta(np.arange(count), unit="h"),
            "y": [("yes", "no", "no")[n % 3] for n in range(count)],
        }
    )


def parts(folder: Path, frame: pd.DataFrame, **settings: Any) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    folder.mkdir()
    write_parquet(frame, folder / "data.parquet")
    split(folder, data=folder / "data.parquet", target="y", **settings)
    told = json.loads((folder / "split.json").read_text())
    return read_parquet(folder / "train.parquet"), read_parquet(folder / "holdout.parquet"), told


def test_a_group_is_on_one_side_and_stays_there_when_the_data_grows(tmp_path: Path) -> None:
    train, holdout, _ = parts(tmp_path / "a", rows(), by="group", key="customer")
    assert set(train.customer).isdisjoint(holdout.customer)
    assert len(train) + len(holdout) == 400
    _, later, _ = parts(tmp_path / "b", rows(900), by="group", key="customer")
    assert set(holdout.customer) <= set(later.customer)


def test_releases_split_by_group_can_be_compared_as_those_split_by_the_same_key_can(tmp_path: Path) -> None:
    """A group is held out by the hash of its key, and the split says so."""
    _, _, champion = parts(tmp_path / "a", rows(), by="group", key="customer")
    _, _, candidate = parts(tmp_path / "b", rows(900), by="group", key="customer")
    _, _, same = parts(tmp_path / "c", rows(), by="hash", key="customer")
    assert (champion["by"], champion["key"]) == ("hash", ["customer"])
    assert training_overlap(candidate, champion) == training_overlap(candidate, same) == ""
    _, _, by_row = parts(tmp_path / "d", rows(), by="hash", key="order")
    assert "split by the key ['order'], the candidate's by ['customer']" in training_overlap(candidate, by_row)
    _, _, less = parts(tmp_path / "e", rows(), by="group", key="customer", holdout_share=0.1)
    assert "its holdout share was 0.1, the candidate's is 0.2" in training_overlap(candidate, less)


def test_a_split_without_a_key_names_all_columns_so_that_a_change_of_them_is_seen(tmp_path: Path) -> None:
    _, _, champion = parts(tmp_path / "a", rows(), by="hash")
    assert champion["key"] == ["order", "customer", "time", "y"]
    _, _, candidate = parts(tmp_path / "b", rows(900), by="hash")
    assert training_overlap(candidate, champion) == ""
    _, _, wider = parts(tmp_path / "c", rows().assign(price=1), by="hash")
    assert "split by the key ['order', 'customer', 'time', 'y'], the candidate's by" in training_overlap(
        wider, champion
    )


def test_by_time_the_last_days_are_the_holdout_and_the_split_says_until_when(tmp_path: Path) -> None:
    train, holdout, told = parts(tmp_path / "a", rows(), by="time", time="time", holdout_days=3)
    assert train.time.max() < pd.Timestamp("2013-01-15") <= holdout.time.min()
    assert (told["train_until"], told["holdout_from"]) == ("2013-01-14 23:00:00", "2013-01-15 00:00:00")


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"by": "group", "key": "custmer"}, SettingsError, "did you mean 'customer'"),
        ({"by": "group"}, SettingsError, "split.by = 'group' needs split.key"),
        ({"by": "time", "time": "tme"}, SettingsError, "but the data has no such column"),
        ({"by": "luck"}, SettingsError, "split.by is 'luck'"),
        ({"by": "time", "time": "time", "holdout_days": 99}, DataError, "0 training rows and 400 holdout rows"),
        ({"by": "hash", "key": "order", "holdout_share": 1e-9}, DataError, "400 training rows and 0 holdout rows"),
    ],
)
def test_what_cannot_be_split_is_refused(
    tmp_path: Path, settings: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        parts(tmp_path / "a", rows(), **settings)
