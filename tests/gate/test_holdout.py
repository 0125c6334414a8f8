"""The rows that judge a model: enough of them, unseen in training, with no dead input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from slipway.contract.schema import read_contract
from slipway.errors import SettingsError
from slipway.gate.judge import judge
from slipway.gate.policy import check_policy
from slipway.pipeline.candidate import Candidate
from slipway.tables.data_frame import write_parquet
from tests.support.candidates import HOLDOUT, POLICY, TRAIN, blamed, rejudged


@pytest.mark.parametrize("time", ["day", ""])
def test_one_holdout_row_that_training_saw_is_refused_until_it_is_switched_off(
    good: Candidate, tmp_path: Path, time: str
) -> None:
    policy = replace(POLICY, time=time, block="day" if time else "row")
    write_parquet(pd.concat([TRAIN, HOLDOUT[7:8]]), tmp_path / "train.parquet")
    candidate = replace(good, train=tmp_path / "train.parquet")
    verdict = judge(candidate, None, [], policy)
    assert blamed(verdict) == ["holdout.shared"]
    assert verdict.broken[0].why == "1 of 3,000 holdout rows are also training rows, equal in every column"
    assert blamed(judge(candidate, None, [], replace(policy, off=("holdout.shared",)))) == []


def test_rows_that_differ_by_a_target_or_a_null_are_not_shared(good: Candidate, tmp_path: Path) -> None:
    near = [HOLDOUT[7:8].assign(y="late" if HOLDOUT.y[7] == "on time" else "on time"), HOLDOUT[8:9].assign(a=np.nan)]
    write_parquet(pd.concat([TRAIN, *near]), tmp_path / "train.parquet")
    assert blamed(judge(replace(good, train=tmp_path / "train.parquet"), None, [], POLICY)) == []


def test_an_input_without_any_value_is_refused_by_name_until_it_alone_is_switched_off(
    good: Candidate, tmp_path: Path
) -> None:
    candidate = rejudged(good, HOLDOUT.assign(leak=np.nan), tmp_path)
    verdict = judge(candidate, None, [], POLICY)
    assert blamed(verdict) == ["holdout.nulls.leak"]
    assert verdict.broken[0].why == "leak is null in all 3,000 rows of the holdout"
    for off in ("holdout.nulls.leak", "holdout.nulls", "holdout"):
        assert blamed(judge(candidate, None, [], replace(POLICY, off=(off,)))) == []
    (tmp_path / "one").mkdir()
    one = HOLDOUT.assign(leak=HOLDOUT.leak.where(HOLDOUT.index == 0))
    assert blamed(judge(rejudged(good, one, tmp_path / "one"), None, [], POLICY)) == []


def test_only_inputs_of_the_contract_can_be_switched_off(good: Candidate) -> None:
    contract = read_contract(good.model / "contract.json")
    with pytest.raises(SettingsError, match="did you mean 'holdout.nulls.leak'"):
        check_policy(replace(POLICY, off=("holdout.nulls.leek",)), contract)
