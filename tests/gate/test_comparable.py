"""Which earlier releases are a measure for the candidate, and which are none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from sklearn.linear_model import LogisticRegression

from slipway.bundle.release_file import Bundle
from slipway.contract.schema import encode_contract, read_contract
from slipway.errors import BundleError
from slipway.gate.judge import judge
from slipway.inference.skops_file import save_model
from slipway.pipeline.candidate import Candidate
from tests.support.candidates import (
    CLASSES,
    HOLDOUT,
    POLICY,
    SPLIT,
    TRAIN,
    Build,
    blamed,
    contract_for,
    copied,
    judged,
    rejudged,
    released,
)

HASHED = {"by": "hash", "key": ["tail", "day"], "share": 0.2}


@pytest.mark.parametrize(
    ("split", "reason"),
    [
        (SPLIT | {"holdout_from": "2013-11-01T00:00:00+00:00", "train_until": "2013-11-01"}, ""),
        (SPLIT | {"holdout_from": "2013-09-29T23:00:00"}, "trained on rows up to 2013-09-30"),
        (SPLIT | {"holdout_from": "2013-09-30T00:00:00"}, "trained on rows up to 2013-09-30"),
        (HASHED, "split by time, the candidate's by hash"),
        ({}, "split by time, the candidate's by an unknown method"),
        ({"by": "time"}, "cannot be compared"),
    ],
)
def test_a_champion_that_may_have_seen_the_holdout_is_no_measure(
    good: Candidate, champion: Bundle, split: dict[str, Any], reason: str
) -> None:
    verdict = judge(replace(good, split=split), champion, [], POLICY)
    assert blamed(verdict) == (["comparable"] if reason else [])
    assert ("champion.roc_auc" in judged(verdict)) is not bool(reason)
    assert reason in next(rule.why for rule in verdict.rules if rule.rule == "comparable")


@pytest.mark.parametrize(
    ("split", "fair"),
    [
        (HASHED, True),
        (HASHED | {"share": 0.1}, True),
        (HASHED | {"share": 0.3}, False),
        (HASHED | {"key": ["day"]}, False),
    ],
)
def test_rows_split_by_a_hash_stay_out_of_training_while_key_and_share_do(
    good: Candidate, tmp_path: Path, split: dict[str, Any], fair: bool
) -> None:
    older = released(replace(good, split=HASHED), tmp_path)
    assert blamed(judge(replace(good, split=split), older, [], POLICY)) == ([] if fair else ["comparable"])


def test_a_champion_whose_input_is_gone_is_no_measure_until_a_review_allows_it(build: Build, champion: Bundle) -> None:
    without = build(TRAIN, HOLDOUT.drop(columns="leak"), inputs=("a", "b", "origin"))
    verdict = judge(without, champion, [], POLICY)
    assert blamed(verdict) == ["comparable"]
    assert "'leak' is missing" in verdict.broken[0].why
    assert verdict.broken[0].why.endswith(
        "; undo that change of the data, the inputs or the split, or set gate.incomparable = '1.3.2' to replace it after "
        "a review"
    )
    allowed = judge(without, champion, [], replace(POLICY, incomparable="1.3.2"))
    assert blamed(allowed) == []
    assert "champion.roc_auc" not in judged(allowed)
    assert blamed(judge(without, champion, [], replace(POLICY, incomparable="1.3.1"))) == ["comparable"]


def test_the_champion_of_another_project_is_named_with_the_way_to_keep_both(good: Candidate, champion: Bundle) -> None:
    """It is the first release of a project, on a target where the example was tried."""
    example = structs.replace(champion, release=structs.replace(champion.release, name="example"))
    verdict = judge(replace(good, split=HASHED), example, [], POLICY)
    assert blamed(verdict) == ["comparable"]
    model = read_contract(good.model / "contract.json").name
    assert verdict.broken[0].why.endswith(
        f"; it is another model, 'example': give '{model}' its own target with target.path, or set "
        "gate.incomparable = '1.3.2' to replace it after a review"
    )


def test_a_nullable_input_of_the_champion_may_be_gone(build: Build, champion: Bundle) -> None:
    without = build(TRAIN, HOLDOUT.drop(columns="a"), inputs=("b", "origin", "leak"))
    verdict = judge(without, champion, [], replace(POLICY, slices=()))
    assert blamed(verdict) == []
    assert "champion.roc_auc" in judged(verdict)


def test_a_champion_whose_bytes_have_changed_is_not_asked(good: Candidate, tmp_path: Path) -> None:
    older = released(good, tmp_path)
    (older.path / "model.onnx").write_bytes(b"other")
    with pytest.raises(BundleError, match="has changed"):
        judge(good, older, [], POLICY)


def test_the_lack_of_a_nullable_input_is_told(build: Build, champion: Bundle) -> None:
    without = build(TRAIN, HOLDOUT.drop(columns="a"), inputs=("b", "origin", "leak"))
    told = {rule.rule: rule.why for rule in judge(without, champion, [], POLICY).rules}
    assert told["comparable"].endswith("can score the same rows, but without a, which the holdout no longer has")


def test_a_champion_whose_classes_stand_in_another_order_is_compared_class_by_class(
    build: Build, good: Candidate, tmp_path: Path
) -> None:
    turned = released(build(classes=CLASSES[::-1]), tmp_path)
    verdict = judge(good, turned, [], POLICY)
    assert blamed(verdict) == []
    assert next(rule.found for rule in verdict.rules if rule.rule == "champion.roc_auc") == pytest.approx(0, abs=1e-9)


def test_a_champion_of_other_classes_or_another_task_is_no_measure(
    build: Build, good: Candidate, champion: Bundle, tmp_path: Path
) -> None:
    for older in (released(renamed(build), tmp_path), released(build(target="minutes"), tmp_path)):
        verdict = judge(good, older, [], POLICY)
        assert blamed(verdict) == ["comparable"]
        assert "it predicts other classes" in verdict.broken[0].why


def renamed(build: Build) -> Candidate:
    later = [frame.assign(y=frame.y.replace("late", "very late")) for frame in (TRAIN, HOLDOUT)]
    return build(*later, classes=("on time", "very late"))


def test_a_champion_that_breaks_down_on_the_rows_is_no_measure(good: Candidate, tmp_path: Path) -> None:
    (tmp_path / "older").mkdir()
    fragile = copied(good, tmp_path / "older")
    (fragile.model / "model.onnx").unlink()
    contract = contract_for("y", ("b",))
    (fragile.model / "contract.json").write_bytes(encode_contract(contract))
    save_model(LogisticRegression().fit(TRAIN[["b"]], TRAIN.y), fragile.model / "model.skops")
    older = released(fragile, tmp_path / "releases")
    assert "champion.roc_auc" in judged(judge(good, older, [], POLICY))
    with_nulls = rejudged(good, HOLDOUT.assign(b=HOLDOUT.b.where(HOLDOUT.index > 5)), tmp_path)
    verdict = judge(with_nulls, older, [], POLICY)
    assert blamed(verdict) == ["comparable"]
    assert "it cannot score these rows (Input X contains NaN.)" in verdict.broken[0].why
