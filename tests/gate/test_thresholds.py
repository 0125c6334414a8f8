"""Minimum and maximum scores, on the whole holdout and on its slices."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slipway.bundle.release_file import Bundle
from slipway.bundle.verdict import verdict_sentence, verdict_table
from slipway.gate.judge import judge
from slipway.gate.policy import GatePolicy
from slipway.pipeline.candidate import Candidate
from tests.support.candidates import HOLDOUT, ORIGINS, POLICY, TRAIN, Build, blamed, judged, rejudged, shuffled


def test_a_model_of_shuffled_targets_breaks_the_minimum_and_no_other_rule(build: Build, champion: Bundle) -> None:
    nonsense = build(TRAIN.assign(y=shuffled(TRAIN.y)))
    verdict = judge(nonsense, champion, [], POLICY)
    assert blamed(verdict) == ["floor.roc_auc"]
    assert "is below the required 0.550" in verdict.broken[0].why


def test_a_leaked_target_breaks_the_maximum_and_no_other_rule(build: Build, champion: Bundle) -> None:
    leaky = [frame.assign(leak=(frame.y == "late") * 1.0) for frame in (TRAIN, HOLDOUT)]
    verdict = judge(build(*leaky), champion, [], POLICY)
    assert blamed(verdict) == ["ceiling.roc_auc"]
    assert "above the plausible maximum 0.990" in verdict.broken[0].why


def test_a_metric_without_a_value_breaks_every_bound_on_it(build: Build) -> None:
    one_class = build(holdout=HOLDOUT[HOLDOUT.y == "late"])
    verdict = judge(one_class, None, [], POLICY)
    assert blamed(verdict) == ["floor.roc_auc", "ceiling.roc_auc", "scores"]
    assert verdict.broken[0].found is None


def test_a_slice_below_its_minimum_is_refused_by_name_though_the_whole_holdout_is_above_it(
    build: Build, champion: Bundle
) -> None:
    blind = build(TRAIN.assign(y=np.where(TRAIN.origin == "JFK", shuffled(TRAIN.y), TRAIN.y)))
    policy = replace(POLICY, slices=(), slice_minimum={"origin": {"roc_auc": 0.7, "accuracy": 0.5}}, margin=0.1)
    verdict = judge(blind, champion, [], policy)
    assert blamed(verdict) == ["slice_floor.origin.JFK.roc_auc"]
    assert re.match(r"roc_auc in origin.JFK 0\.\d+ is below the required 0\.700", verdict.broken[0].why)
    assert {"slice_floor.origin.EWR.roc_auc", "slice_floor.origin.LGA.accuracy"} < judged(verdict)
    for off in ("slice_floor.origin.JFK.roc_auc", "slice_floor.origin.JFK", "slice_floor.origin", "slice_floor"):
        assert blamed(judge(blind, champion, [], replace(policy, off=(off,)))) == []


def test_a_slice_too_good_to_be_true_is_refused_by_its_maximum(build: Build) -> None:
    leaky = [
        frame.assign(leak=np.where(frame.origin == "LGA", (frame.y == "late") * 1.0, frame.leak))
        for frame in (TRAIN, HOLDOUT)
    ]
    policy = replace(POLICY, slice_maximum={"origin": {"roc_auc": 0.95}})
    verdict = judge(build(*leaky), None, [], policy)
    assert blamed(verdict) == ["slice_ceiling.origin.LGA.roc_auc"]
    assert "above the plausible maximum 0.950" in verdict.broken[0].why


def test_slices_with_too_few_rows_are_not_judged_and_the_verdict_says_so(good: Candidate) -> None:
    counts = HOLDOUT.origin.value_counts()
    least = int(counts["LGA"])
    policy = replace(POLICY, minimum_slice_rows=least, slice_minimum={"origin": {"roc_auc": 0.6}})
    verdict = judge(good, None, [], policy)
    assert blamed(verdict) == []
    assert judged(verdict) >= {"slice_floor.origin.EWR.roc_auc", "slice_floor.origin.LGA.roc_auc"}
    [told] = verdict.unjudged
    assert told.rule == "slice_floor.origin"
    assert told.why == f"slices of origin with fewer than {least:,} rows: JFK"
    assert f"not judged: slice_floor.origin ({told.why})" in verdict_sentence(verdict, "1.4.0", None)
    assert f"| not judged | `slice_floor.origin` | {told.why} |" in verdict_table(verdict)
    none = judge(good, None, [], replace(policy, minimum_slice_rows=len(HOLDOUT)))
    assert [rule.rule for rule in none.unjudged] == ["slice_floor.origin"]


def test_a_slice_whose_metric_has_no_value_is_refused(good: Candidate, tmp_path: Path) -> None:
    one_sided = HOLDOUT[(HOLDOUT.origin != "JFK") | (HOLDOUT.y == "late")]
    policy = replace(POLICY, minimum_slice_rows=200, slice_minimum={"origin": {"roc_auc": 0.6}})
    verdict = judge(rejudged(good, one_sided, tmp_path), None, [], policy)
    assert blamed(verdict) == ["slice_floor.origin.JFK.roc_auc"]
    assert verdict.broken[0].why == "roc_auc in origin.JFK has no value; 0.6 is required"


def test_an_error_below_its_minimum_is_a_leak_and_one_above_its_maximum_a_failure(build: Build) -> None:
    policy = GatePolicy(
        target="minutes", slice_minimum={"origin": {"rmse": 10}}, slice_maximum={"origin": {"rmse": 20}}
    )
    verdict = judge(build(target="minutes"), None, [], policy)
    assert set(blamed(verdict)) == {f"slice_ceiling.origin.{origin}.rmse" for origin in ORIGINS}
    assert "above the required 20.000" in verdict.broken[0].why
    leak = replace(policy, slice_minimum={"origin": {"rmse": 1_000}}, slice_maximum={}, maximum={"rmse": 90})
    found = judge(build(target="minutes"), None, [], leak).broken
    assert len(found) == 3
    assert all("below the plausible minimum 1000.000" in rule.why for rule in found)


@pytest.mark.parametrize(
    ("target", "rule", "setting"), [("y", "floor.roc_auc", "minimum"), ("minutes", "ceiling.rmse", "maximum")]
)
def test_without_a_minimum_a_model_must_still_be_better_than_a_constant_prediction(
    build: Build, target: str, rule: str, setting: str
) -> None:
    policy = GatePolicy(target=target)
    constant = build(TRAIN.assign(leak=0.0), HOLDOUT.assign(leak=0.0), target=target, inputs=("leak",))
    verdict = judge(constant, None, [], policy)
    assert blamed(verdict) == [rule]
    assert "is not better than" in verdict.broken[0].why
    assert f"of a constant prediction, and no {setting} is set" in verdict.broken[0].why
    assert blamed(judge(constant, None, [], replace(policy, off=(rule,)))) == []
    assert blamed(judge(build(target=target), None, [], policy)) == []
