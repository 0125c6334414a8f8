"""Probabilities that are off by more than is allowed are refused where that is certain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from slipway.gate.judge import judge
from slipway.pipeline.candidate import Candidate
from slipway.tables.data_frame import read_parquet, write_parquet
from tests.support.candidates import POLICY, Build, blamed, judged


def error_of(candidate: Candidate) -> float:
    found = next(rule.found for rule in judge(candidate, None, [], POLICY).rules if rule.rule == "calibration")
    assert isinstance(found, float)
    return found


def test_probabilities_that_are_off_are_refused_until_the_rule_is_switched_off(build: Build) -> None:
    timid = build(max_iter=1)
    verdict = judge(timid, None, [], replace(POLICY, maximum_calibration_error=0.1))
    assert blamed(verdict) == ["calibration"]
    assert "is above the allowed 0.100" in verdict.broken[0].why
    assert blamed(judge(timid, None, [], replace(POLICY, maximum_calibration_error=0.1, off=("calibration",)))) == []


def test_an_error_over_the_limit_is_refused_where_it_is_certain_and_over_twice_the_limit_always(
    build: Build, tmp_path: Path
) -> None:
    certain = build(max_iter=1)
    write_parquet(read_parquet(certain.holdout).assign(day=pd.Timestamp("2013-10-01")), tmp_path / "one_day.parquet")
    nothing_known_of_spread = replace(certain, holdout=tmp_path / "one_day.parquet")
    found = error_of(certain)
    for share, sure, unsure in [(1.01, True, True), (0.6, False, True), (0.4, False, False)]:
        allowed = replace(POLICY, maximum_calibration_error=found * share)
        assert (judge(certain, None, [], allowed).verdict == "publish") is sure
        assert (judge(nothing_known_of_spread, None, [], allowed).verdict == "publish") is unsure
    just = replace(POLICY, maximum_calibration_error=found * 0.99)
    told = {rule.rule: rule for rule in judge(certain, None, [], just).rules}["calibration"]
    assert told.ok
    assert "is not significantly above the allowed" in told.why


def test_a_regression_has_no_calibration(build: Build, good: Candidate) -> None:
    policy = replace(POLICY, target="minutes", minimum={}, maximum={}, slices=())
    assert "calibration" not in judged(judge(build(target="minutes", max_iter=2), None, [], policy))
    assert "calibration" in judged(judge(good, None, [], POLICY))
