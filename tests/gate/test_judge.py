"""Each rule on the candidate alone refuses what it is for and nothing else, on real compiled models."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import helper

from slipway.bundle.release_file import Bundle
from slipway.bundle.verdict import verdict_sentence
from slipway.contract.schema import encode_contract
from slipway.errors import DataError
from slipway.gate.judge import judge
from slipway.pipeline.candidate import Candidate
from slipway.tables.data_frame import read_parquet, write_parquet
from tests.support.candidates import CLASSES, HOLDOUT, POLICY, blamed, contract_for, copied, judged, rejudged, released


def test_the_same_model_again_is_published_and_every_rule_was_judged(good: Candidate, champion: Bundle) -> None:
    verdict = judge(good, champion, [], POLICY)
    assert blamed(verdict) == []
    assert judged(verdict) == {
        *("holdout.rows", "holdout.answers", "holdout.nulls", "holdout.shared", "calibration"),
        *("floor.roc_auc", "ceiling.roc_auc", "scores", "bundle.size", "proof"),
        *("comparable", "champion.roc_auc", "slice.origin.EWR", "slice.origin.JFK", "slice.origin.LGA"),
        *("truth", "truth.origin.EWR", "truth.origin.JFK", "truth.origin.LGA"),
    }
    assert not verdict.first_release


def test_a_first_release_is_judged_alone_and_says_so(good: Candidate, champion: Bundle) -> None:
    verdict = judge(good, None, [champion], POLICY)
    assert (verdict.verdict, verdict.first_release) == ("publish", True)
    assert not any(name.startswith(("champion", "recent", "slice", "comparable")) for name in judged(verdict))


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


def test_every_rule_can_be_switched_off_by_its_name_or_its_family(good: Candidate, champion: Bundle) -> None:
    names = judged(judge(good, champion, [], POLICY))
    for name in names:
        left = {other for other in names if not other.startswith(f"{name}.")} - {name}
        assert judged(judge(good, champion, [], replace(POLICY, off=(name,)))) == left
    families = tuple({name.split(".")[0] for name in names})
    assert judged(judge(good, champion, [], replace(POLICY, off=families))) == set()


def test_a_holdout_with_rows_that_have_no_target_cannot_be_scored(good: Candidate, tmp_path: Path) -> None:
    frame = read_parquet(good.holdout)
    frame.loc[0, "y"] = None
    write_parquet(frame, tmp_path / "holdout.parquet")
    with pytest.raises(DataError, match="holdout rows have no 'y' value"):
        judge(replace(good, holdout=tmp_path / "holdout.parquet"), None, [], POLICY)
    write_parquet(frame.iloc[:0], tmp_path / "holdout.parquet")
    with pytest.raises(DataError, match="the holdout has no rows, so the gate"):
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


def test_a_score_in_the_run_that_the_model_does_not_reach_breaks_the_scores(good: Candidate) -> None:
    boastful = replace(good, scores=good.scores | {"roc_auc": 0.98})
    verdict = judge(boastful, None, [], POLICY)
    assert blamed(verdict) == ["scores"]
    assert "the MLflow run reports roc_auc 0.98, but the candidate's model scores 0." in verdict.broken[0].why
    assert blamed(judge(replace(good, scores={}), None, [], POLICY)) == ["scores"]


def with_answers(candidate: Candidate, folder: Path, operations: Sequence[onnx.NodeProto]) -> Candidate:
    """The candidate with a graph that computes ``probabilities`` from ``raw`` in another way, and with its proof."""
    candidate = copied(candidate, folder)
    path, proof = candidate.model / "model.onnx", candidate.model / "proof.json"
    model = onnx.load(path)
    for node in model.graph.node:
        names = ["raw" if name == "probabilities" else name for name in node.output]
        del node.output[:]
        node.output.extend(names)
    model.graph.node.extend(operations)
    path.write_bytes(model.SerializeToString())
    proved = json.loads(proof.read_text()) | {"onnx_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    proof.write_text(json.dumps(proved))
    return candidate


NAN_AT_ZERO = [helper.make_node("Div", ["a", "a"], ["one"]), helper.make_node("Mul", ["raw", "one"], ["probabilities"])]
DOUBLED = [helper.make_node("Add", ["raw", "raw"], ["probabilities"])]


@pytest.mark.parametrize(("operations", "wrong"), [(NAN_AT_ZERO, 2), (DOUBLED, 3_000)])
def test_an_answer_that_is_no_probability_is_refused_and_counted(
    good: Candidate, tmp_path: Path, operations: Sequence[onnx.NodeProto], wrong: int
) -> None:
    holdout = HOLDOUT.assign(a=HOLDOUT.a.where(HOLDOUT.index >= 2, 0.0))
    (tmp_path / "honest").mkdir()
    honest = rejudged(good, holdout, tmp_path / "honest")
    assert blamed(judge(honest, None, [], POLICY)) == []
    verdict = judge(with_answers(honest, tmp_path, operations), None, [], POLICY)
    assert blamed(verdict) == ["holdout.answers", "floor.roc_auc", "ceiling.roc_auc", "calibration", "scores"]
    assert (
        verdict.broken[0].why
        == f"the model predicts probabilities that add up to one for {3_000 - wrong:,} of 3,000 rows"
    )


def test_a_contract_with_the_classes_turned_round_is_refused(good: Candidate, tmp_path: Path) -> None:
    turned = copied(good, tmp_path)
    (turned.model / "contract.json").write_bytes(
        encode_contract(contract_for("y", ("a", "b", "origin", "leak"), CLASSES[::-1]))
    )
    assert blamed(judge(turned, None, [], POLICY)) == ["floor.roc_auc", "scores"]


def test_what_is_switched_off_is_told_with_what_it_would_have_said(good: Candidate) -> None:
    policy = replace(POLICY, minimum={"roc_auc": 0.95}, off=("floor", "slice.origin.JFKK"))
    verdict = judge(good, None, [], policy)
    assert verdict.verdict == "publish"
    minimum, slip = verdict.unjudged
    assert minimum.rule == "floor.roc_auc"
    assert minimum.why.startswith("switched off in gate.off; otherwise: roc_auc 0.")
    assert (slip.rule, slip.why) == ("off", "gate.off names 'slice.origin.JFKK', but the holdout has no row of it")
    assert "not judged: floor.roc_auc (switched off in gate.off" in verdict_sentence(verdict, "1.4.0", None)
