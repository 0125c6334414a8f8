"""A policy whose names or bounds mean nothing is refused with what was meant."""

from __future__ import annotations

import json
import math
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from slipway.bundle.release_file import Bundle
from slipway.errors import SettingsError
from slipway.gate.judge import judge
from slipway.gate.policy import GatePolicy, check_policy, policy_of
from slipway.gate.rules import RuleDoc, explanation_of, read_rules
from slipway.pipeline.candidate import Candidate
from slipway.settings.sections import Gate
from slipway.settings.settings import load_settings
from tests.support.candidates import POLICY, contract_for
from tests.support.documents import ROOT, tables

RULES = read_rules()


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (replace(POLICY, off=("champoin.roc_auc",)), "did you mean 'champion.roc_auc'"),
        (replace(POLICY, off=("slice.orgin.JFK",)), "did you mean 'slice.origin'"),
        (replace(POLICY, minimum={"roc_acu": 0.6}), "did you mean 'roc_auc'"),
        (replace(POLICY, target="z"), "no column 'z'"),
        (replace(POLICY, slices=("orgin",)), "did you mean 'origin'"),
        (
            replace(POLICY, slice_minimum={"origin": {"roc_acu": 0.6}}),
            "gate.slice_minimum.origin: unknown metric 'roc_acu'",
        ),
        (replace(POLICY, slice_maximum={"orgin": {"roc_auc": 0.9}}), "did you mean 'origin'"),
        (replace(POLICY, off=("slice_floor.origin",)), "gate.off: unknown rule 'slice_floor.origin'"),
        (replace(POLICY, off=("",)), "gate.off: unknown rule ''"),
    ],
)
def test_a_policy_with_a_misspelt_name_is_refused_with_the_right_one(
    good: Candidate, policy: GatePolicy, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        judge(good, None, [], policy)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (
            {"minimum": {"roc_auc": 0}},
            "gate.minimum.roc_auc is 0 and refuses nothing, because roc_auc is never below it",
        ),
        ({"minimum": {"roc_auc": -0.5}}, "gate.minimum.roc_auc is -0.5, but roc_auc is always between 0 and 1"),
        ({"minimum": {"roc_auc": 65}}, "gate.minimum.roc_auc is 65, but"),
        ({"minimum": {"log_loss": 0}}, "refuses nothing"),
        ({"minimum": {"roc_auc": math.nan}}, "gate.minimum.roc_auc is nan"),
        ({"maximum": {"roc_auc": 1}}, "refuses nothing, because roc_auc is never above it"),
        ({"maximum": {"log_loss": math.inf}}, "refuses nothing"),
        ({"slice_minimum": {"origin": {"roc_auc": 0}}}, "gate.slice_minimum.origin.roc_auc is 0 and refuses nothing"),
        ({"slice_maximum": {"a.b": {"accuracy": 1}}}, 'gate.slice_maximum."a.b".accuracy is 1 and refuses nothing'),
    ],
)
def test_a_bound_that_refuses_nothing_or_everything_is_refused(policy: dict[str, Any], message: str) -> None:
    contract = contract_for("y", ("a",))
    with pytest.raises(SettingsError, match=re.escape(message)):
        check_policy(GatePolicy(target="y", **policy), contract)


def test_r2_may_be_negative_and_still_have_a_minimum() -> None:
    check_policy(GatePolicy(target="minutes", minimum={"r2": -0.5}), contract_for("minutes", ("a",)))


def test_the_page_on_the_gate_has_every_rule_with_its_default_and_its_reason() -> None:
    told = tables(ROOT / "docs" / "gate.md")[0][1:]
    assert told == [[f"`{r.rule}`", set_by(r), r.refuses, r.why] for r in RULES]


def set_by(explained: RuleDoc) -> str:
    name = explained.setting
    return f"`gate.{name} = {json.dumps(Gate.model_fields[name].default)}`" if name else "–"


def test_every_rule_in_a_verdict_is_explained(good: Candidate, champion: Bundle) -> None:
    for rule in judge(good, champion, [champion], replace(POLICY, off=("slice.origin.JFKK",))).rules:
        assert explanation_of(rule.rule).family.split(".")[0] == rule.rule.split(".")[0]
    with pytest.raises(KeyError):
        explanation_of("sliced")


def test_a_setting_that_a_rule_names_is_one_of_the_gate() -> None:
    named = {explained.setting for explained in RULES if explained.setting}
    about_how = {"block", "minimum_slice_rows", "off"}
    assert named | about_how == set(Gate.model_fields)


def test_the_policy_takes_every_setting_of_the_gate() -> None:
    settings = load_settings(Path(__file__).parents[2] / "slipway.toml")
    assert policy_of(settings).minimum == settings.gate.minimum
    assert set(Gate.model_fields) < {field.name for field in fields(GatePolicy)}
    same = {f.name: f.default for f in fields(GatePolicy) if f.name in ("margin", "slice_margin", "minimum_slice_rows")}
    assert same == {name: Gate.model_fields[name].default for name in same}
