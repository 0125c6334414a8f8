"""A policy whose names or bounds mean nothing is refused with what was meant."""

from __future__ import annotations

import math
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from deploy.gate import judge
from deploy.policy import FAMILIES, GatePolicy, check_policy
from deploy.ship import policy_of
from pipeline.candidate import Candidate
from pipeline.errors import SettingsError
from pipeline.settings import Gate, load_settings
from tests.deploy.candidates import (
    POLICY,
    contract_for,
)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (replace(POLICY, off=("champoin.roc_auc",)), "did you mean 'champion.roc_auc'"),
        (replace(POLICY, off=("slice.orgin.JFK",)), "did you mean 'slice.origin'"),
        (replace(POLICY, floors={"roc_acu": 0.6}), "did you mean 'roc_auc'"),
        (replace(POLICY, target="z"), "no column 'z'"),
        (replace(POLICY, slices=("orgin",)), "did you mean 'origin'"),
        (
            replace(POLICY, slice_floors={"origin": {"roc_acu": 0.6}}),
            "gate.slice_floors.origin: unknown metric 'roc_acu'",
        ),
        (replace(POLICY, slice_ceilings={"orgin": {"roc_auc": 0.9}}), "did you mean 'origin'"),
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
        ({"floors": {"roc_auc": 0}}, "gate.floors.roc_auc is 0 and refuses nothing, since roc_auc is never below it"),
        ({"floors": {"roc_auc": -0.5}}, "gate.floors.roc_auc is -0.5, but roc_auc is always between 0 and 1"),
        ({"floors": {"roc_auc": 65}}, "gate.floors.roc_auc is 65, but"),
        ({"floors": {"log_loss": 0}}, "refuses nothing"),
        ({"floors": {"roc_auc": math.nan}}, "gate.floors.roc_auc is nan"),
        ({"ceilings": {"roc_auc": 1}}, "refuses nothing, since roc_auc is never above it"),
        ({"ceilings": {"log_loss": math.inf}}, "refuses nothing"),
        ({"slice_floors": {"origin": {"roc_auc": 0}}}, "gate.slice_floors.origin.roc_auc is 0 and refuses nothing"),
        ({"slice_ceilings": {"a.b": {"accuracy": 1}}}, 'gate.slice_ceilings."a.b".accuracy is 1 and refuses nothing'),
    ],
)
def test_a_bound_that_refuses_nothing_or_everything_is_refused(policy: dict[str, Any], message: str) -> None:
    contract = contract_for("y", ("a",))
    with pytest.raises(SettingsError, match=re.escape(message)):
        check_policy(GatePolicy(target="y", **policy), contract)


def test_r2_may_be_negative_and_still_be_held_to_a_floor() -> None:
    check_policy(GatePolicy(target="minutes", floors={"r2": -0.5}), contract_for("minutes", ("a",)))


REFERENCE = (Path(__file__).parents[2] / "docs" / "reference.md").read_text()


def test_the_reference_has_every_rule() -> None:
    told = re.findall(r"^\| `(\w+)[.\w]*` \|", REFERENCE[REFERENCE.index("### Rules") :], re.MULTILINE)
    assert set(told) == set(FAMILIES)


def test_the_policy_takes_every_setting_of_the_gate() -> None:
    settings = load_settings(Path(__file__).parents[2] / "slipway.toml")
    assert policy_of(settings).floors == settings.gate.floors
    assert set(Gate.model_fields) < {field.name for field in fields(GatePolicy)}
    same = {f.name: f.default for f in fields(GatePolicy) if f.name in ("margin", "slice_margin", "minimum_slice_rows")}
    assert same == {name: Gate.model_fields[name].default for name in same}
