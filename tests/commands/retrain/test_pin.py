"""Moving the pin changes the pin, and not a comment, blank, order or other setting."""

from __future__ import annotations

import datetime
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.commands.retrain.pin import Pin, move_pin, pin_of
from slipway.errors import SettingsError
from slipway.settings.sections import Source
from slipway.settings.settings import load_settings

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "tests/examples/parcels/slipway.toml").read_text()
OCTOBER = datetime.date(2013, 10, 31)


def pin(**changes: Any) -> Pin:
    here = pin_of(load_settings(ROOT / "tests/examples/parcels/slipway.toml"))
    return replace(here, **changes)


def test_one_line_changes_and_its_comment_stays() -> None:
    text = "# data\n" + TEXT.replace('time = "time"\n', 'time = "time"\nthrough = 2013-09-30  # so far\n\n# more\n')
    after = move_pin(text, pin(through=OCTOBER))
    assert after == text.replace("through = 2013-09-30  # so far", "through = 2013-10-31  # so far")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_source_moves_by_its_two_lines_whatever_ends_them(end: str) -> None:
    text = TEXT.replace("\n", end)
    after = move_pin(text, pin(sources={"parcels": Source(uri="s3://b/p.csv", sha256="a" * 64)}))
    assert after == text.replace("parcels.csv", "s3://b/p.csv").replace("0" * 64, "a" * 64)


def test_a_pin_that_is_the_same_changes_no_byte() -> None:
    text = TEXT.replace('uri = "parcels.csv"', "uri = 'parcels.csv'")
    assert move_pin(text, pin()) == text


def test_a_first_last_day_is_written_into_the_data() -> None:
    assert tomllib.loads(move_pin(TEXT, pin(through=OCTOBER)))["data"]["through"] == OCTOBER


def test_training_parameters_may_move_too() -> None:
    given = ["train.max_iter=50", "train.seed=3", "train.parameters.l2_regularization=0.5"]
    after = tomllib.loads(move_pin(TEXT, pin(), given))
    assert after["train"]["seed"] == 3
    assert after["train"]["parameters"] == {"max_iter": 50, "learning_rate": 0.1, "l2_regularization": 0.5}
    assert {**after, "train": 0} == {**tomllib.loads(TEXT), "train": 0}


@pytest.mark.parametrize(
    "given",
    [
        "gate.minimum.roc_auc=0", "gate=1", "train.estimator=sklearn.dummy.DummyClassifier", "split.holdout_days=1",
        "data.through=2013-01-01", "data.sources.parcels.sha256=x", "validate.minimum_rows=0", "features.depot=double",
        "target.path=elsewhere", "trust.identity=me", "evaluate.slices=[]", "train.max_iter", "name=other", "",
    ],
)  # fmt: skip
def test_nothing_else_may(given: str) -> None:
    with pytest.raises(SettingsError):
        move_pin(TEXT, pin(through=OCTOBER), [given])


def test_a_value_that_holds_more_lines_sets_no_more() -> None:
    after = move_pin(TEXT, pin(), ["train.max_iter=50\n[gate.minimum]\nroc_auc=0.0"])
    assert tomllib.loads(after)["gate"] == tomllib.loads(TEXT)["gate"]
