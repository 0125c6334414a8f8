"""The gate: may this candidate be published? It scores candidate and champion itself, on the same rows, uncached."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence

from deploy.bounds import bound
from deploy.bundle import Bundle
from deploy.candidate import engine_name, proof_of, reported_scores
from deploy.case import Case, case_of
from deploy.comparison import compare
from deploy.policy import GatePolicy, check_names
from deploy.verdict import Rule, Verdict
from pipeline.candidate import Candidate
from pipeline.component.contract import read_contract
from pipeline.component.metrics import metrics_for

TOLERANCE = 1e-9
"""How far, relative to it, a reported number may be from the gate's own: scikit-learn's exponential differs by a bit."""
_MEGABYTE = 1e6


def judge(candidate: Candidate, champion: Bundle | None, recent: Sequence[Bundle], policy: GatePolicy) -> Verdict:
    """Judge the candidate alone, and if that went well, against the champion and the best of the recent releases.

    Raises:
        SettingsError: the policy names an unknown metric, rule or column.
        DataError: the holdout or the metrics cannot be read, or the target is not in the holdout.
        BundleError: the champion's bytes are not the sealed ones, or a model cannot be loaded.
    """
    contract = read_contract(candidate.model / "contract.json")
    check_names(policy, contract)
    case = case_of(candidate, contract, policy)
    rules = _switched_on(_alone(candidate, case), policy)
    if champion is not None and all(rule.ok for rule in rules):
        rules += _switched_on(compare(candidate, champion, recent, case), policy)
    passed = all(rule.ok for rule in rules)
    return Verdict("publish" if passed else "refuse", tuple(rules), champion is None)


def _alone(candidate: Candidate, case: Case) -> Iterator[Rule]:
    policy = case.policy
    for name, floor in policy.floors.items():
        yield bound(f"floor.{name}", name, case.scores.get(name, math.nan), floor, below=True)
    for name, ceiling in policy.ceilings.items():
        yield bound(f"ceiling.{name}", name, case.scores.get(name, math.nan), ceiling, below=False)
    yield _reported(reported_scores(candidate), case)
    rows = len(case.frame)
    why = f"the holdout has {rows:,} rows and {policy.minimum_holdout_rows:,} are required"
    yield Rule("holdout.rows", policy.minimum_holdout_rows, rows, rows >= policy.minimum_holdout_rows, why)
    yield _size(candidate, policy)
    yield _proof(candidate)


def _reported(reported: dict[str, float], case: Case) -> Rule:
    """The first metric that ``metrics.json`` does not report, or reports otherwise than the gate finds it."""
    names = metrics_for(case.contract)
    for name in names:
        own, other = case.scores.get(name, math.nan), reported.get(name, math.nan)
        if not math.isfinite(other):
            return Rule("scores", own if math.isfinite(own) else None, None, False, f"metrics.json has no {name}")
        if not math.isclose(own, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE):
            why = f"metrics.json says {name} is {other:.12g} but the model in the candidate makes it {own:.12g}"
            return Rule("scores", own if math.isfinite(own) else None, other, False, why)
    return Rule("scores", None, None, True, f"metrics.json reports {', '.join(names)} as the gate finds them")


def _size(candidate: Candidate, policy: GatePolicy) -> Rule:
    files = [*(path for path in candidate.model.rglob("*") if path.is_file()), candidate.metrics]
    found = sum(path.stat().st_size for path in files) / _MEGABYTE
    ok = found <= policy.maximum_bundle_mb
    why = f"the bundle has {found:.3g} MB and {policy.maximum_bundle_mb:g} MB are allowed"
    return Rule("bundle.size", policy.maximum_bundle_mb, found, ok, why)


def _proof(candidate: Candidate) -> Rule:
    """A compiled model needs a proof of its very bytes; scikit-learn itself needs none, and its proof says so."""
    proof, engine = proof_of(candidate), engine_name(candidate.model)
    if proof.get("ok") is not True or proof.get("engine") != engine:
        return Rule("proof", None, None, False, f"proof.json does not say that model.{engine} agrees with scikit-learn")
    if engine == "skops":
        return Rule("proof", None, None, True, "scikit-learn itself serves the model")
    came = hashlib.sha256((candidate.model / "model.onnx").read_bytes()).hexdigest()
    proven = str(proof.get("onnx_sha256"))
    if came != proven:
        why = f"proof.json is of another model: model.onnx has the sha256 {came} but {proven} was proved"
        return Rule("proof", proven, came, False, why)
    return Rule("proof", proven, came, True, "model.onnx agrees with scikit-learn")


def _switched_on(rules: Iterator[Rule], policy: GatePolicy) -> list[Rule]:
    return [
        rule for rule in rules if not any(rule.rule == off or rule.rule.startswith(f"{off}.") for off in policy.off)
    ]
