"""The candidate beside earlier releases, on the same rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from slipway.bundle.release_file import Bundle
from slipway.gate.judge import judge
from slipway.gate.policy import GatePolicy
from slipway.pipeline.candidate import Candidate
from slipway.tables.data_frame import read_parquet, write_parquet
from tests.support.candidates import HOLDOUT, POLICY, TRAIN, Build, blamed, rejudged, released, shuffled


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_retrain_that_differs_by_its_seed_alone_is_published(build: Build, champion: Bundle, seed: int) -> None:
    assert blamed(judge(build(seed=seed), champion, [champion], POLICY)) == []


def test_a_model_of_one_tree_breaks_the_comparison_with_the_champion_and_no_other_rule(
    build: Build, champion: Bundle
) -> None:
    verdict = judge(build(max_iter=1), champion, [champion], replace(POLICY, off=("slice",)))
    assert blamed(verdict) == ["champion.roc_auc"]
    assert "is worse than the champion's" in verdict.broken[0].why


def test_a_loss_over_the_margin_is_refused_where_it_is_certain_and_over_twice_the_margin_always(
    build: Build, champion: Bundle, tmp_path: Path
) -> None:
    certain = build(max_iter=1)
    write_parquet(read_parquet(certain.holdout).assign(day=pd.Timestamp("2013-10-01")), tmp_path / "one_day.parquet")
    nothing_known_of_spread = replace(certain, holdout=tmp_path / "one_day.parquet")
    policy = replace(POLICY, slices=())
    loss = next(rule.found for rule in judge(certain, champion, [], policy).broken)
    assert isinstance(loss, float)
    for share, sure, unsure in [(1.01, True, True), (0.6, False, True), (0.4, False, False)]:
        allowed = replace(policy, margin=-loss * share)
        assert (judge(certain, champion, [], allowed).verdict == "publish") is sure
        assert (judge(nothing_known_of_spread, champion, [], allowed).verdict == "publish") is unsure


def test_a_better_recent_release_stops_what_a_poor_champion_would_let_pass(
    build: Build, champion: Bundle, tmp_path: Path
) -> None:
    poor = build(max_iter=1)
    successor = released(poor, tmp_path, "1.3.3")
    assert blamed(judge(poor, successor, [successor], POLICY)) == []
    as_poor = released(poor, tmp_path, "1.3.1")
    verdict = judge(poor, successor, [as_poor, successor, champion, as_poor], POLICY)
    assert blamed(verdict) == ["recent.roc_auc"]
    assert "the recent release 1.3.2" in verdict.broken[0].why


def test_a_slice_that_lost_while_the_average_gained_breaks_that_slice_alone_until_it_is_switched_off(
    build: Build, tmp_path: Path
) -> None:
    blind = {place: np.where(TRAIN.origin == place, shuffled(TRAIN.y), TRAIN.y) for place in ("JFK", "LGA")}
    older = released(build(TRAIN.assign(y=blind["LGA"])), tmp_path)
    candidate = build(TRAIN.assign(y=blind["JFK"]))
    verdict = judge(candidate, older, [], POLICY)
    found = {rule.rule: rule.found for rule in verdict.rules}
    assert isinstance(found["champion.roc_auc"], float)
    assert found["champion.roc_auc"] > 0
    assert blamed(verdict) == ["slice.origin.JFK"]
    assert blamed(judge(candidate, older, [], replace(POLICY, off=("slice.origin.JFK",)))) == []
    assert blamed(judge(candidate, older, [], replace(POLICY, off=("slice",)))) == []
    assert blamed(judge(candidate, older, [], replace(POLICY, minimum_slice_rows=1_000))) == []


def test_an_error_in_minutes_is_compared_by_its_share(build: Build, tmp_path: Path) -> None:
    policy = GatePolicy(target="minutes", maximum={"rmse": 60})
    older = released(build(target="minutes"), tmp_path)
    assert blamed(judge(build(target="minutes", seed=1), older, [], policy)) == []
    verdict = judge(build(target="minutes", max_iter=1), older, [], policy)
    assert blamed(verdict) == ["champion.rmse"]
    assert verdict.broken[0].found is not None
    strict = judge(build(target="minutes"), older, [], replace(policy, maximum={"rmse": 1}))
    assert blamed(strict) == ["ceiling.rmse"]
    assert "above the required 1.000" in strict.broken[0].why


def test_a_recent_release_that_cannot_be_compared_is_told(good: Candidate, champion: Bundle, tmp_path: Path) -> None:
    older = released(replace(good, split={"by": "hash", "key": ["day"], "share": 0.2}), tmp_path, "1.3.1")
    verdict = judge(good, champion, [older], POLICY)
    assert blamed(verdict) == []
    [told] = verdict.unjudged
    assert told.rule == "recent"
    assert told.why.startswith("the recent release 1.3.1 cannot be compared: its data was split by hash, the")


def test_a_slice_that_lacks_a_class_or_rows_is_not_compared_and_the_verdict_says_so(
    good: Candidate, champion: Bundle, tmp_path: Path
) -> None:
    one_sided = HOLDOUT[(HOLDOUT.origin != "JFK") | (HOLDOUT.y == "late")]
    policy = replace(POLICY, minimum_slice_rows=200)
    verdict = judge(rejudged(good, one_sided, tmp_path), champion, [], policy)
    assert blamed(verdict) == []
    assert [(rule.rule, rule.why) for rule in verdict.unjudged] == [
        ("slice.origin.JFK", "origin.JFK has no row of on time")
    ]
    small = judge(good, champion, [], replace(POLICY, minimum_slice_rows=1_000))
    assert [(rule.rule, rule.why) for rule in small.unjudged] == [
        ("slice.origin", "slices of origin with fewer than 1,000 rows: JFK")
    ]


def test_a_value_with_a_dot_is_switched_off_by_its_quoted_name_alone(
    build: Build, good: Candidate, champion: Bundle, tmp_path: Path
) -> None:
    poor = build(max_iter=1)
    sized = replace(poor, holdout=tmp_path / "holdout.parquet")
    write_parquet(HOLDOUT.assign(size=np.where(HOLDOUT.index % 2, 1.0, 1.5)), sized.holdout)
    policy = replace(POLICY, slices=("size",), slice_margin=0, off=("champion",))
    assert blamed(judge(sized, champion, [], policy)) == ['slice.size."1.5"', "slice.size.1"]
    assert blamed(judge(sized, champion, [], replace(policy, off=("champion", "slice.size.1")))) == ['slice.size."1.5"']
    assert blamed(judge(sized, champion, [], replace(policy, off=("champion", 'slice.size."1.5"')))) == ["slice.size.1"]
