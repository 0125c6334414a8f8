"""The gate: may this candidate be published? It scores candidate and champion itself, on the same rows, uncached."""

from __future__ import annotations

import difflib
import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from deploy.bundle import Bundle
from deploy.candidate import (
    columns_in,
    engine_name,
    predictions_of,
    proof_of,
    reported_scores,
    seen_in_training,
)
from deploy.scorer import load
from deploy.verdict import Rule, Verdict, told_apart
from pipeline.candidate import Candidate
from pipeline.component.blocks import blocks_of
from pipeline.component.bootstrap import paired_difference
from pipeline.component.contract import Contract, read_contract
from pipeline.component.frame import read_parquet
from pipeline.component.metrics import higher_is_better, metrics_for, score
from pipeline.errors import ContractError, DataError, SettingsError

FAMILIES = ("floor", "ceiling", "scores", "holdout", "bundle", "proof", "comparable", "champion", "recent", "slice")
TOLERANCE = 1e-9
"""How far, relative to it, a reported number may be from the gate's own: scikit-learn's exponential differs by a bit."""
_MEGABYTE = 1e6

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class GatePolicy:
    """What a release must reach. Margins are absolute where higher is better, else shares of the rival's error."""

    target: str
    floors: dict[str, float] = field(default_factory=dict)
    ceilings: dict[str, float] = field(default_factory=dict)
    block: str = "row"
    time: str = ""
    slices: tuple[str, ...] = ()
    margin: float = 0.01
    slice_margin: float = 0.02
    minimum_holdout_rows: int = 100
    minimum_slice_rows: int = 500
    maximum_bundle_mb: float = 100
    incomparable: str = ""
    off: tuple[str, ...] = ()
    seed: int = 0


class _Case(NamedTuple):
    """The holdout with the candidate's answers to it."""

    policy: GatePolicy
    contract: Contract
    frame: pd.DataFrame
    truth: Array
    blocks: Array
    predictions: Array
    scores: dict[str, float]

    @property
    def primary(self) -> str:
        return metrics_for(self.contract)[0]


class _Rival(NamedTuple):
    """An earlier release and its answers to the same rows, in the order of the candidate's classes."""

    name: str
    predictions: Array


def judge(candidate: Candidate, champion: Bundle | None, recent: Sequence[Bundle], policy: GatePolicy) -> Verdict:
    """Judge the candidate alone, and if that went well, against the champion and the best of the recent releases.

    Raises:
        SettingsError: the policy names an unknown metric, rule or column.
        DataError: the holdout or the metrics cannot be read, or the target is not in the holdout.
        BundleError: the champion's bytes are not the sealed ones, or a model cannot be loaded.
    """
    contract = read_contract(candidate.model / "contract.json")
    _check_names(policy, contract)
    case = _case(candidate, contract, policy)
    rules = _switched_on(_alone(candidate, case), policy)
    if champion is not None and all(rule.ok for rule in rules):
        rules += _switched_on(_relative(candidate, champion, recent, case), policy)
    passed = all(rule.ok for rule in rules)
    return Verdict("publish" if passed else "refuse", tuple(rules), champion is None)


def _case(candidate: Candidate, contract: Contract, policy: GatePolicy) -> _Case:
    frame = read_parquet(candidate.holdout).reset_index(drop=True)
    for name in filter(None, (policy.target, policy.time, *policy.slices)):
        if name not in frame.columns:
            close = difflib.get_close_matches(name, list(map(str, frame.columns)), 1)
            meant = f"; did you mean '{close[0]}'?" if close else ""
            raise SettingsError(f"the holdout has no column '{name}', which the gate needs{meant}")
    if not len(frame) or frame[policy.target].isna().any():
        raise DataError(f"the holdout has no rows, or rows without a '{policy.target}', so the gate cannot score it")
    target = frame[policy.target]
    truth = target.to_numpy(np.float64) if contract.task == "regression" else target.astype(str).to_numpy(object)
    blocks = blocks_of(frame[policy.time] if policy.time else None, policy.block, len(frame))
    predictions = predictions_of(candidate, contract, frame)
    scores = score(contract, truth, predictions) if np.isfinite(predictions).all() else {}
    return _Case(policy, contract, frame, truth, blocks, predictions, scores)


def _alone(candidate: Candidate, case: _Case) -> Iterator[Rule]:
    policy = case.policy
    for name, floor in policy.floors.items():
        yield _bound(f"floor.{name}", name, case.scores.get(name, math.nan), floor, below=True)
    for name, ceiling in policy.ceilings.items():
        yield _bound(f"ceiling.{name}", name, case.scores.get(name, math.nan), ceiling, below=False)
    yield _reported(reported_scores(candidate), case)
    rows = len(case.frame)
    why = f"the holdout has {rows:,} rows and {policy.minimum_holdout_rows:,} are required"
    yield Rule("holdout.rows", policy.minimum_holdout_rows, rows, rows >= policy.minimum_holdout_rows, why)
    yield _size(candidate, policy)
    yield _proof(candidate)


def _bound(rule: str, metric: str, found: float, bound: float, *, below: bool) -> Rule:
    """A floor says "at least" and a ceiling "at most", whichever direction is better for the metric."""
    if not math.isfinite(found):
        return Rule(rule, bound, None, False, f"{metric} has no value and {bound:g} is required")
    first, second = told_apart(found, bound)
    if found >= bound if below else found <= bound:
        return Rule(rule, bound, found, True, f"{metric} {first} is {'at least' if below else 'at most'} {second}")
    too_good = below != higher_is_better(metric)
    wanted = "believable" if too_good else "required"
    return Rule(rule, bound, found, False, f"{metric} {first} is {'below' if below else 'above'} the {wanted} {second}")


def _reported(reported: dict[str, float], case: _Case) -> Rule:
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


def _relative(candidate: Candidate, champion: Bundle, recent: Sequence[Bundle], case: _Case) -> Iterator[Rule]:
    rival = _rival(champion, candidate, case)
    yield _comparable(rival, champion, case.policy)
    if isinstance(rival, _Rival):
        everywhere = np.ones(len(case.frame), dtype=bool)
        name = f"the champion {rival.name}"
        yield _no_worse(f"champion.{case.primary}", case, rival.predictions, everywhere, case.policy.margin, name)
        yield from _slices(case, rival, name)
    others = [_rival(bundle, candidate, case) for bundle in recent if bundle.digest != champion.digest]
    yield from _recent([other for other in others if isinstance(other, _Rival)], case)


def _comparable(rival: _Rival | str, champion: Bundle, policy: GatePolicy) -> Rule:
    version = champion.release.version
    if isinstance(rival, _Rival):
        return Rule("comparable", None, None, True, f"the champion {version} can be asked the same rows")
    ok = policy.incomparable == version
    advice = "which was allowed" if ok else f"and gate.incomparable = '{version}' was not set after a review"
    return Rule(
        "comparable", version, policy.incomparable, ok, f"the champion {version} is no measure: {rival}, {advice}"
    )


def _rival(bundle: Bundle, candidate: Candidate, case: _Case) -> _Rival | str:
    """The release's answers to the holdout, or why they are no measure for the candidate."""
    if reason := seen_in_training(candidate.split, bundle.release.split):
        return reason
    scorer = load(bundle.path, expected_digest=bundle.digest)
    if scorer.contract.task != case.contract.task or set(scorer.contract.classes) != set(case.contract.classes):
        return "it answers other classes"
    try:
        # Values that its contract forbids are asked all the same: it would have to answer those rows now.
        values = scorer.predict_checked(scorer.completed(columns_in(case.frame, scorer.contract))).values
    except ContractError as error:
        return str(error)
    if not np.isfinite(values).all():
        return "its answers to some rows are not finite"
    if case.contract.task == "classification":
        values = values[:, [scorer.contract.classes.index(label) for label in case.contract.classes]]
    return _Rival(bundle.release.version, values)


def _recent(rivals: list[_Rival], case: _Case) -> Iterator[Rule]:
    """The best of them is enough: who is no worse than the best is no worse than any."""
    if rivals:
        sign = 1 if higher_is_better(case.primary) else -1
        best = max(rivals, key=lambda rival: sign * _scored(case, rival.predictions, case.primary))
        everywhere = np.ones(len(case.frame), dtype=bool)
        name = f"the recent release {best.name}"
        yield _no_worse(f"recent.{case.primary}", case, best.predictions, everywhere, case.policy.margin, name)


def _slices(case: _Case, rival: _Rival, name: str) -> Iterator[Rule]:
    """Every slice with enough rows and, for classification, with every class: without, there is nothing to compare."""
    for column in case.policy.slices:
        for value in case.frame[column].unique():
            series = case.frame[column]
            rows = (series.isna() if pd.isna(value) else series.eq(value)).to_numpy(dtype=bool)
            all_there = len(set(case.truth[rows])) > 1
            if rows.sum() >= case.policy.minimum_slice_rows and all_there:
                label = f"slice.{column}.{_shown(value)}"
                yield _no_worse(label, case, rival.predictions, rows, case.policy.slice_margin, name)


def _no_worse(rule: str, case: _Case, theirs: Array, rows: Array, margin: float, name: str) -> Rule:
    """Non-inferiority by a paired block bootstrap, with the sign turned so that more is better.

    Refused where the candidate is worse by more than the margin *and* its whole 95 % interval lies below zero: then
    the loss is neither small nor chance. The interval alone would refuse trifles on a large holdout, the margin alone
    would refuse mere noise on a small one. A loss of twice the margin is refused whatever the interval says, so that
    a small or dependent holdout cannot wave anything through; and so is a difference that is no number.
    """
    metric, contract = case.primary, case.contract
    truth, mine, other = case.truth[rows], case.predictions[rows], theirs[rows]
    difference, low, high = paired_difference(
        contract, truth, mine, other, case.blocks[rows], metric=metric, seed=case.policy.seed
    )
    own, rival = (score(contract, truth, p, names=[metric])[metric] for p in (mine, other))
    allowed, best = margin, high
    if not higher_is_better(metric):
        difference, allowed, best = -difference, margin * abs(rival), -low
    ok = difference >= -allowed or (difference >= -2 * allowed and not best < 0)
    found = difference if math.isfinite(difference) else None
    return Rule(rule, -allowed, found, ok, _compared(rule, metric, own, rival, name, ok, allowed))


def _compared(rule: str, metric: str, own: float, rival: float, name: str, ok: bool, allowed: float) -> str:
    where = f" in {'.'.join(rule.split('.')[1:])}" if rule.startswith("slice.") else ""
    first, second = told_apart(own, rival)
    verb = "is no worse than" if ok else "is worse than"
    return f"{metric}{where} {first} {verb} {second} of {name}, where {allowed:.3g} less is allowed"


def _scored(case: _Case, predictions: Array, metric: str) -> float:
    return score(case.contract, case.truth, predictions, names=[metric])[metric]


def _shown(value: Any) -> str:
    if pd.isna(value):
        return "null"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _switched_on(rules: Iterator[Rule], policy: GatePolicy) -> list[Rule]:
    return [
        rule for rule in rules if not any(rule.rule == off or rule.rule.startswith(f"{off}.") for off in policy.off)
    ]


def _check_names(policy: GatePolicy, contract: Contract) -> None:
    metrics = metrics_for(contract)
    for setting, names in (("floors", policy.floors), ("ceilings", policy.ceilings)):
        for name in names:
            _check_known(f"gate.{setting}: unknown metric", name, metrics)
    rules = ["holdout.rows", "bundle.size", *FAMILIES, *(f"slice.{column}" for column in policy.slices)]
    rules += [f"{kind}.{name}" for kind in ("floor", "ceiling", "champion", "recent") for name in metrics]
    for name in policy.off:
        if not any(name.startswith(f"slice.{column}.") for column in policy.slices):
            _check_known("gate.off: unknown rule", name, rules)


def _check_known(what: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        close = difflib.get_close_matches(name, known, 1)
        meant = f"did you mean '{close[0]}'?" if close else f"it is one of {', '.join(known)}"
        raise SettingsError(f"{what} '{name}'; {meant}")
