"""The gate: decide whether a candidate can be published.

It scores candidate and champion itself, on the same rows and without a cache.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence

import msgspec

from slipway.bundle.release_file import Bundle, engine_name
from slipway.bundle.verdict import Rule, Verdict
from slipway.contract.metrics import metrics_for
from slipway.contract.schema import read_contract
from slipway.gate.candidate import read_proof, reported_scores
from slipway.gate.comparison import compare
from slipway.gate.evaluation import Evaluation, evaluate_candidate, slice_rule_names
from slipway.gate.holdout import holdout_rules
from slipway.gate.policy import GatePolicy, check_policy, covers
from slipway.gate.thresholds import calibration_rules, threshold_rules
from slipway.pipeline.candidate import Candidate
from slipway.settings.diagnostics import quote_part

TOLERANCE = 1e-9
"""Largest allowed difference between a reported score and the gate's own, relative to the score (absolute below one):
scikit-learn's exponential function and onnxruntime's differ in the last bit."""
_MEGABYTE = 1e6


def judge(candidate: Candidate, champion: Bundle | None, recent: Sequence[Bundle], policy: GatePolicy) -> Verdict:
    """Evaluate the candidate alone and, if it passes, against the champion and the best of the recent releases.

    Raises:
        SettingsError: the policy names an unknown metric, rule or column, or sets a threshold that refuses nothing.
        DataError: the holdout or the metrics cannot be read, or the target is not in the holdout.
        BundleError: a file of the champion differs from its sealed digest, or a model cannot be loaded.
    """
    contract = read_contract(candidate.model / "contract.json")
    check_policy(policy, contract)
    evaluation = evaluate_candidate(candidate, contract, policy)
    rules = [_apply_off_setting(rule, policy) for rule in _candidate_rules(candidate, evaluation)]
    # A candidate that failed alone is refused anyway: scoring earlier releases would only add noise to the verdict.
    if champion is not None and all(rule.ok for rule in rules):
        rules += [_apply_off_setting(rule, policy) for rule in compare(candidate, champion, recent, evaluation)]
    passed = all(rule.ok for rule in rules)
    return Verdict("publish" if passed else "refuse", tuple(rules), champion is None)


def _candidate_rules(candidate: Candidate, evaluation: Evaluation) -> Iterator[Rule]:
    yield from holdout_rules(candidate, evaluation)
    yield from threshold_rules(evaluation)
    yield from calibration_rules(evaluation)
    yield _reported_scores_rule(candidate, evaluation)
    yield _size_rule(candidate, evaluation.policy)
    yield _proof_rule(candidate)
    yield from _unused_off_rules(evaluation)


def _reported_scores_rule(candidate: Candidate, evaluation: Evaluation) -> Rule:
    """Compare the reported scores with the gate's own; the rule names the first that is missing or different."""
    names = metrics_for(evaluation.contract)
    found = evaluation.scores(names)
    for source, reported in (("metrics.json", reported_scores(candidate)), ("the MLflow run", candidate.scores)):
        for name in names:
            own, other = found[name], reported.get(name, math.nan)
            if not math.isfinite(other) or not math.isclose(own, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
                return Rule(
                    "scores",
                    _finite_or_none(own),
                    _finite_or_none(other),
                    False,
                    _mismatch_message(source, name, own, other),
                )
    return Rule("scores", None, None, True, f"metrics.json and the gate agree on {', '.join(names)}")


def _mismatch_message(source: str, name: str, own: float, other: float) -> str:
    if not math.isfinite(other):
        return f"{source} has no {name}"
    return f"{source} reports {name} {other:.12g}, but the candidate's model scores {own:.12g}"


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _size_rule(candidate: Candidate, policy: GatePolicy) -> Rule:
    files = [*(path for path in candidate.model.rglob("*") if path.is_file()), candidate.metrics]
    found = sum(path.stat().st_size for path in files) / _MEGABYTE
    ok = found <= policy.maximum_bundle_mb
    why = f"the bundle has {found:.3g} MB; at most {policy.maximum_bundle_mb:g} MB are allowed"
    return Rule("bundle.size", policy.maximum_bundle_mb, found, ok, why)


def _proof_rule(candidate: Candidate) -> Rule:
    """Check the proof: a compiled model needs one for exactly its bytes, and a scikit-learn model needs none."""
    proof, engine = read_proof(candidate), engine_name(candidate.model)
    if proof.get("ok") is not True or proof.get("engine") != engine:
        return Rule(
            "proof", None, None, False, f"proof.json does not confirm that model.{engine} agrees with scikit-learn"
        )
    if engine == "skops":
        return Rule("proof", None, None, True, "scikit-learn itself serves the model")
    found = hashlib.sha256((candidate.model / "model.onnx").read_bytes()).hexdigest()
    proven = str(proof.get("onnx_sha256"))
    if found != proven:
        why = f"proof.json is for another model: model.onnx has SHA-256 {found}, but the proven model has {proven}"
        return Rule("proof", proven, found, False, why)
    return Rule("proof", proven, found, True, "model.onnx agrees with scikit-learn")


def _apply_off_setting(rule: Rule, policy: GatePolicy) -> Rule:
    """Return the rule; if ``gate.off`` names it, as not judged and with its would-be result, so that it stays visible."""
    if not any(covers(off, rule.rule) for off in policy.off):
        return rule
    return msgspec.structs.replace(rule, ok=True, judged=False, why=f"switched off in gate.off; otherwise: {rule.why}")


def _unused_off_rules(evaluation: Evaluation) -> Iterator[Rule]:
    """Yield a rule for each slice in ``gate.off`` that the holdout does not have: a typo, or a value that disappeared."""
    for family, columns in evaluation.policy.slice_columns.items():
        for column in columns:
            known = slice_rule_names(evaluation, family, column)
            for off in evaluation.policy.off:
                if covers(f"{family}.{quote_part(column)}", off) and not any(covers(off, rule) for rule in known):
                    why = f"gate.off names '{off}', but the holdout has no row of it"
                    yield Rule("off", None, None, True, why, judged=False)
