"""Each rule of the gate refuses what it is for and nothing else, on real models compiled by the package component."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder
from threadpoolctl import threadpool_limits

from components.package.run import package
from deploy.bundle import Bundle
from deploy.gate import judge
from deploy.policy import GatePolicy
from deploy.seal import seal
from deploy.verdict import Verdict
from deploy.version import Version
from pipeline.candidate import Candidate
from pipeline.component.contract import Column, Contract, encode_contract, outputs_of
from pipeline.component.frame import inputs_of, read_parquet, write_parquet
from pipeline.component.metrics import score
from pipeline.component.model import save_model
from pipeline.errors import BundleError, DataError, SettingsError

CLASSES = ("on time", "late")
SPLIT = {"by": "time", "train_until": "2013-10-01", "holdout_from": "2013-10-01"}
POLICY = GatePolicy(
    target="y",
    time="day",
    block="day",
    floors={"roc_auc": 0.55},
    ceilings={"roc_auc": 0.99},
    slices=("origin",),
    minimum_slice_rows=300,
)
ORIGINS = np.array(["EWR", "JFK", "LGA"], dtype=object)

Build = Callable[..., Candidate]


def rows(count: int, seed: int) -> pd.DataFrame:
    """Late where a hidden score is high; two numbers and the origin tell some of it."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.normal(size=count), "b": rng.normal(size=count)})
    frame["origin"] = ORIGINS[rng.choice(3, count, p=[0.45, 0.2, 0.35])]
    frame["leak"] = rng.normal(size=count)
    frame["day"] = pd.Timestamp("2013-10-01") + pd.to_timedelta(rng.integers(0, 40, count), unit="D")
    hidden = frame.a + np.sin(2 * frame.b) + (frame.origin == "EWR") + rng.normal(size=count)
    frame["y"] = np.where(hidden > 0.4, "late", "on time")
    frame["minutes"] = 30 * hidden
    return frame


TRAIN, HOLDOUT = rows(4_000, seed=1), rows(3_000, seed=2)


def contract_for(target: str, inputs: tuple[str, ...]) -> Contract:
    columns = tuple(Column(name, "string" if name == "origin" else "double", nullable=name == "a") for name in inputs)
    if target == "minutes":
        return Contract("flights", "regression", columns, outputs_of("regression", ()))
    return Contract("flights", "classification", columns, outputs_of("classification", CLASSES), CLASSES)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Train, package and score a candidate as the pipeline does."""

    def candidate(
        train: pd.DataFrame = TRAIN,
        holdout: pd.DataFrame = HOLDOUT,
        *,
        max_iter: int = 40,
        seed: int = 0,
        target: str = "y",
        inputs: tuple[str, ...] = ("a", "b", "origin", "leak"),
    ) -> Candidate:
        folder = tmp_path_factory.mktemp("candidate")
        contract = contract_for(target, inputs)
        model = fitted(train, contract, target, max_iter, seed)
        files = [folder / name for name in ("model.skops", "holdout.parquet", "contract.json", "metrics.json")]
        save_model(model, files[0])
        write_parquet(holdout, files[1])
        files[2].write_bytes(encode_contract(contract))
        package(folder, model=files[0], train=files[1], holdout=files[1], contract=files[2], target=target)
        scores = measured(model, holdout, contract, target)
        files[3].write_text(json.dumps({"metrics": {name: {"value": value} for name, value in scores.items()}}))
        data = {"digest": "d" * 64, "through": "2013-09-30"}
        return Candidate("1", "runs:/1/model", folder / "model", files[1], files[3], SPLIT, data, scores)

    return candidate


def fitted(train: pd.DataFrame, contract: Contract, target: str, max_iter: int, seed: int) -> Pipeline:
    estimators = {"y": HistGradientBoostingClassifier, "minutes": HistGradientBoostingRegressor}
    unknown = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    steps = ColumnTransformer([("strings", unknown, contract.strings)], remainder="passthrough")
    estimator = estimators[target](max_iter=max_iter, random_state=seed, max_features=0.7)
    pipeline = Pipeline([("preprocess", steps), ("model", estimator)])
    # Threads that wait for one another on a busy machine make a fit of half a second take twenty.
    with threadpool_limits(1, "openmp"):
        return pipeline.fit(inputs_of(train, contract), train[target])


def measured(model: Any, holdout: pd.DataFrame, contract: Contract, target: str) -> dict[str, float]:
    inputs = inputs_of(holdout, contract)
    if contract.task == "regression":
        return score(contract, holdout[target], model.predict(inputs))
    order = [list(model.classes_).index(label) for label in contract.classes]
    return score(contract, holdout[target], model.predict_proba(inputs)[:, order])


@pytest.fixture(scope="module")
def good(build: Build) -> Candidate:
    return build()


@pytest.fixture(scope="module")
def champion(good: Candidate, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return released(good, tmp_path_factory.mktemp("releases"))


def released(candidate: Candidate, into: Path, version: str = "1.3.2") -> Bundle:
    name = Version(version, "c" * 40, dirty=False, exact=True)
    return seal(candidate, name, Verdict("publish", (), True), name="flights", lock_digest="1" * 64, into=into)


def copied(candidate: Candidate, folder: Path) -> Candidate:
    """A copy whose files a test may change."""
    shutil.copytree(candidate.model, folder / "model")
    shutil.copy(candidate.metrics, folder / "metrics.json")
    return replace(candidate, model=folder / "model", metrics=folder / "metrics.json")


def blamed(verdict: Verdict) -> list[str]:
    assert verdict.verdict == ("refuse" if verdict.broken else "publish")
    return [rule.rule for rule in verdict.broken]


def judged(verdict: Verdict) -> set[str]:
    return {rule.rule for rule in verdict.rules}


def shuffled(values: pd.Series) -> Any:
    return values.to_numpy()[np.random.default_rng(0).permutation(len(values))]


def test_the_same_model_again_is_published_and_every_rule_was_judged(good: Candidate, champion: Bundle) -> None:
    verdict = judge(good, champion, [], POLICY)
    assert blamed(verdict) == []
    assert judged(verdict) == {
        *("floor.roc_auc", "ceiling.roc_auc", "scores", "holdout.rows", "bundle.size", "proof", "comparable"),
        *("champion.roc_auc", "slice.origin.EWR", "slice.origin.JFK", "slice.origin.LGA"),
    }
    assert not verdict.first_release


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_retrain_that_differs_by_its_seed_alone_is_published(build: Build, champion: Bundle, seed: int) -> None:
    assert blamed(judge(build(seed=seed), champion, [champion], POLICY)) == []


def test_a_first_release_is_judged_alone_and_says_so(good: Candidate, champion: Bundle) -> None:
    verdict = judge(good, None, [champion], POLICY)
    assert (verdict.verdict, verdict.first_release) == ("publish", True)
    assert not any(name.startswith(("champion", "recent", "slice", "comparable")) for name in judged(verdict))


def test_a_model_of_shuffled_targets_breaks_the_floor_and_no_other_rule(build: Build, champion: Bundle) -> None:
    nonsense = build(TRAIN.assign(y=shuffled(TRAIN.y)))
    verdict = judge(nonsense, champion, [], POLICY)
    assert blamed(verdict) == ["floor.roc_auc"]
    assert "is below the required 0.550" in verdict.broken[0].why


def test_a_leaked_target_breaks_the_ceiling_and_no_other_rule(build: Build, champion: Bundle) -> None:
    leaky = [frame.assign(leak=(frame.y == "late") * 1.0) for frame in (TRAIN, HOLDOUT)]
    verdict = judge(build(*leaky), champion, [], POLICY)
    assert blamed(verdict) == ["ceiling.roc_auc"]
    assert "above the believable 0.990" in verdict.broken[0].why


def test_a_model_of_one_tree_breaks_the_comparison_with_the_champion_and_no_other_rule(
    build: Build, champion: Bundle
) -> None:
    verdict = judge(build(max_iter=1), champion, [champion], replace(POLICY, off=("slice",)))
    assert blamed(verdict) == ["champion.roc_auc"]
    assert "of the champion 1.3.2, where 0.01 less is allowed" in verdict.broken[0].why


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


@pytest.mark.parametrize("value", [None, "removed", 0.5])
def test_a_metric_that_is_null_missing_or_untrue_breaks_the_scores_and_no_other_rule(
    good: Candidate, champion: Bundle, tmp_path: Path, value: object
) -> None:
    candidate = copied(good, tmp_path)
    report = json.loads(candidate.metrics.read_text())
    report["metrics"]["log_loss"]["value"] = value
    if value == "removed":
        del report["metrics"]["log_loss"]
    candidate.metrics.write_text(json.dumps(report))
    assert blamed(judge(candidate, champion, [], POLICY)) == ["scores"]


def test_a_nan_in_the_metrics_file_breaks_the_scores(good: Candidate, champion: Bundle, tmp_path: Path) -> None:
    candidate = copied(good, tmp_path)
    report = json.loads(candidate.metrics.read_text())
    report["metrics"]["roc_auc"]["value"] = float("nan")
    candidate.metrics.write_text(json.dumps(report))
    assert blamed(judge(candidate, champion, [], POLICY)) == ["scores"]


def test_a_metric_without_a_value_breaks_every_bound_on_it(build: Build) -> None:
    one_class = build(holdout=HOLDOUT[HOLDOUT.y == "late"])
    verdict = judge(one_class, None, [], POLICY)
    assert blamed(verdict) == ["floor.roc_auc", "ceiling.roc_auc", "scores"]
    assert verdict.broken[0].found is None


def test_too_few_rows_break_the_holdout_rule(good: Candidate) -> None:
    enough = replace(POLICY, minimum_holdout_rows=len(HOLDOUT))
    assert blamed(judge(good, None, [], enough)) == []
    assert blamed(judge(good, None, [], replace(enough, minimum_holdout_rows=len(HOLDOUT) + 1))) == ["holdout.rows"]


def test_too_large_a_bundle_breaks_the_size_rule(good: Candidate) -> None:
    size = sum(path.stat().st_size for path in [*good.model.iterdir(), good.metrics]) / 1e6
    assert blamed(judge(good, None, [], replace(POLICY, maximum_bundle_mb=size))) == []
    assert blamed(judge(good, None, [], replace(POLICY, maximum_bundle_mb=size - 1e-6))) == ["bundle.size"]


@pytest.mark.parametrize("change", [{"ok": False}, {"onnx_sha256": "0" * 64}, {"engine": "skops"}, None])
def test_a_proof_that_failed_is_missing_or_is_of_another_model_breaks_the_proof_rule(
    good: Candidate, champion: Bundle, tmp_path: Path, change: dict[str, object] | None
) -> None:
    candidate = copied(good, tmp_path)
    path = candidate.model / "proof.json"
    proof = json.loads(path.read_text())
    assert proof["onnx_sha256"] == hashlib.sha256((candidate.model / "model.onnx").read_bytes()).hexdigest()
    path.unlink()
    if change is not None:
        path.write_text(json.dumps(proof | change))
    assert blamed(judge(candidate, champion, [], POLICY)) == ["proof"]


HASHED = {"by": "hash", "key": ["tail", "day"], "share": 0.2}


@pytest.mark.parametrize(
    ("split", "reason"),
    [
        (SPLIT | {"holdout_from": "2013-11-01T00:00:00+00:00", "train_until": "2013-11-01"}, ""),
        (SPLIT | {"holdout_from": "2013-09-30T23:00:00"}, "trained on rows until 2013-10-01"),
        (HASHED, "split by time and this by hash"),
        ({}, "split by time and this by nothing known"),
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
    allowed = judge(without, champion, [], replace(POLICY, incomparable="1.3.2"))
    assert blamed(allowed) == []
    assert "champion.roc_auc" not in judged(allowed)
    assert blamed(judge(without, champion, [], replace(POLICY, incomparable="1.3.1"))) == ["comparable"]


def test_a_nullable_input_of_the_champion_may_be_gone(build: Build, champion: Bundle) -> None:
    without = build(TRAIN, HOLDOUT.drop(columns="a"), inputs=("b", "origin", "leak"))
    verdict = judge(without, champion, [], replace(POLICY, slices=()))
    assert blamed(verdict) == []
    assert "champion.roc_auc" in judged(verdict)


def test_an_error_in_minutes_is_compared_by_its_share(build: Build, tmp_path: Path) -> None:
    policy = GatePolicy(target="minutes", ceilings={"rmse": 60})
    older = released(build(target="minutes"), tmp_path)
    assert blamed(judge(build(target="minutes", seed=1), older, [], policy)) == []
    verdict = judge(build(target="minutes", max_iter=1), older, [], policy)
    assert blamed(verdict) == ["champion.rmse"]
    assert verdict.broken[0].found is not None
    strict = judge(build(target="minutes"), older, [], replace(policy, ceilings={"rmse": 1}))
    assert blamed(strict) == ["ceiling.rmse"]
    assert "above the required 1.000" in strict.broken[0].why


def test_a_champion_whose_bytes_have_changed_is_not_asked(good: Candidate, tmp_path: Path) -> None:
    older = released(good, tmp_path)
    (older.path / "model.onnx").write_bytes(b"other")
    with pytest.raises(BundleError, match="has changed"):
        judge(good, older, [], POLICY)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (replace(POLICY, off=("champoin.roc_auc",)), "did you mean 'champion.roc_auc'"),
        (replace(POLICY, off=("slice.orgin.JFK",)), "did you mean 'slice.origin'"),
        (replace(POLICY, floors={"roc_acu": 0.6}), "did you mean 'roc_auc'"),
        (replace(POLICY, target="z"), "no column 'z'"),
        (replace(POLICY, slices=("orgin",)), "did you mean 'origin'"),
    ],
)
def test_a_policy_with_a_misspelt_name_is_refused_with_the_right_one(
    good: Candidate, policy: GatePolicy, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        judge(good, None, [], policy)


def test_every_rule_can_be_switched_off_by_its_name_or_its_family(good: Candidate, champion: Bundle) -> None:
    names = judged(judge(good, champion, [], POLICY))
    for name in names:
        assert judged(judge(good, champion, [], replace(POLICY, off=(name,)))) == names - {name}
    families = tuple({name.split(".")[0] for name in names})
    assert judged(judge(good, champion, [], replace(POLICY, off=families))) == set()


def test_a_holdout_with_rows_that_have_no_target_cannot_be_scored(good: Candidate, tmp_path: Path) -> None:
    frame = read_parquet(good.holdout)
    frame.loc[0, "y"] = None
    write_parquet(frame, tmp_path / "holdout.parquet")
    with pytest.raises(DataError, match="without a 'y'"):
        judge(replace(good, holdout=tmp_path / "holdout.parquet"), None, [], POLICY)


def test_a_model_that_scikit_learn_serves_is_judged_by_the_same_rules(
    good: Candidate, champion: Bundle, tmp_path: Path
) -> None:
    candidate = copied(good, tmp_path)
    (candidate.model / "model.onnx").unlink()
    shutil.copy(good.model.parent / "model.skops", candidate.model)
    assert blamed(judge(candidate, champion, [], POLICY)) == ["proof"]
    (candidate.model / "proof.json").write_text('{"ok": true, "engine": "skops"}')
    assert blamed(judge(candidate, champion, [], POLICY)) == []
    assert released(candidate, tmp_path).release.engine == "skops"
