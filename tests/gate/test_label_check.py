"""A champion that is significantly worse than chance shows that the labels are inverted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from slipway.bundle.release_file import Bundle
from slipway.gate.judge import judge
from slipway.pipeline.candidate import Candidate
from tests.support.candidates import HOLDOUT, POLICY, TRAIN, Build, blamed, judged, rejudged, released, shuffled


def turned(frame: pd.DataFrame, rows: pd.Series) -> pd.DataFrame:
    other = np.where(frame.y == "late", "on time", "late")
    return frame.assign(y=np.where(rows, other, frame.y))


def test_a_target_that_turned_round_in_one_slice_is_refused_there_though_the_new_model_learned_it(
    build: Build, champion: Bundle
) -> None:
    candidate = build(*(turned(frame, frame.origin == "JFK") for frame in (TRAIN, HOLDOUT)))
    verdict = judge(candidate, champion, [], POLICY)
    assert blamed(verdict) == ["truth.origin.JFK"]
    assert "is below chance (0.5), so the labels of these rows are probably inverted" in verdict.broken[0].why
    found = {rule.rule: rule.found for rule in verdict.rules}
    assert isinstance(found["champion.roc_auc"], float) and found["champion.roc_auc"] > 0
    for off in ("truth.origin.JFK", "truth.origin", "truth"):
        assert blamed(judge(candidate, champion, [], replace(POLICY, off=(off,)))) == []


def test_a_target_that_turned_round_everywhere_is_refused_for_the_whole_and_each_slice(
    good: Candidate, champion: Bundle, tmp_path: Path
) -> None:
    candidate = rejudged(good, turned(HOLDOUT, HOLDOUT.y != ""), tmp_path)
    wrong = blamed(judge(candidate, champion, [], replace(POLICY, off=("floor",))))
    assert wrong == ["truth", *(f"truth.origin.{place}" for place in HOLDOUT.origin.unique())]


def test_a_champion_that_knows_nothing_of_a_slice_is_no_witness(build: Build, good: Candidate, tmp_path: Path) -> None:
    blind = released(build(TRAIN.assign(y=np.where(TRAIN.origin == "JFK", shuffled(TRAIN.y), TRAIN.y))), tmp_path)
    verdict = judge(good, blind, [], POLICY)
    assert blamed(verdict) == []
    assert "truth.origin.JFK" in judged(verdict)


def test_a_first_release_and_a_regression_have_no_witness(build: Build, good: Candidate, tmp_path: Path) -> None:
    assert not any(name.startswith("truth") for name in judged(judge(good, None, [], POLICY)))
    policy = replace(POLICY, target="minutes", minimum={}, maximum={})
    minutes = build(target="minutes", max_iter=2)
    rules = judged(judge(minutes, released(minutes, tmp_path), [], policy))
    assert "champion.rmse" in rules and not any(name.startswith("truth") for name in rules)
