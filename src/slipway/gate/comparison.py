"""The candidate beside earlier releases, on the same rows: the champion, the best of the last ones, slice by slice."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from slipway.bundle.release_file import Bundle
from slipway.bundle.verdict import Rule
from slipway.errors import ContractError
from slipway.gate.candidate import columns_in
from slipway.gate.evaluation import Array, Case, slices_of, too_few
from slipway.gate.holdout import seen_in_training
from slipway.gate.label_check import truth
from slipway.gate.policy import GatePolicy, part
from slipway.inference.scorer import load
from slipway.pipeline.candidate import Candidate
from slipway.reporting.numbers import told_apart
from slipway.statistics.bootstrap import paired_difference
from slipway.statistics.metrics import higher_is_better, score_one


class _Rival(NamedTuple):
    """An earlier release, its answers to the same rows in the order of the candidate's classes, and inputs it lacked."""

    name: str
    predictions: Array
    lacked: tuple[str, ...] = ()


def compare(candidate: Candidate, champion: Bundle, recent: Sequence[Bundle], case: Case) -> Iterator[Rule]:
    """The rules that need an earlier release.

    Raises:
        BundleError: an earlier release's bytes are not the sealed ones, or its model cannot be loaded.
    """
    rival = _rival(champion, candidate, case)
    yield _comparable(rival, champion, case.policy)
    if isinstance(rival, _Rival):
        name = f"the champion {rival.name}"
        yield _no_worse(f"champion.{case.primary}", case, rival.predictions, slice(None), case.policy.margin, name)
        yield from _slices(case, rival, name)
        yield from truth(case, rival.predictions, name)
    others = [bundle for bundle in recent if bundle.digest != champion.digest]
    yield from _recent([(bundle.release.version, _rival(bundle, candidate, case)) for bundle in others], case)


def _comparable(rival: _Rival | str, champion: Bundle, policy: GatePolicy) -> Rule:
    version = champion.release.version
    if isinstance(rival, _Rival):
        without = f", but without {', '.join(rival.lacked)}, which the holdout has no more" if rival.lacked else ""
        return Rule("comparable", None, None, True, f"the champion {version} can be asked the same rows{without}")
    ok = policy.incomparable == version
    advice = "which was allowed" if ok else f"and gate.incomparable = '{version}' was not set after a review"
    return Rule(
        "comparable", version, policy.incomparable, ok, f"the champion {version} is no measure: {rival}, {advice}"
    )


def _rival(bundle: Bundle, candidate: Candidate, case: Case) -> _Rival | str:
    """The release's answers to the holdout, or why they are no measure for the candidate."""
    if reason := seen_in_training(candidate.split, bundle.release.split):
        return reason
    scorer = load(bundle.path, expected_digest=bundle.digest)
    if scorer.contract.task != case.contract.task or set(scorer.contract.classes) != set(case.contract.classes):
        return "it answers other classes"
    try:
        # Values that its contract forbids are asked all the same: it would have to answer those rows now.
        columns = columns_in(case.frame, scorer.contract)
        values = scorer.predict_checked(scorer.completed(columns)).values
    except ContractError as error:
        return str(error)
    except Exception as error:  # what scikit-learn and onnxruntime raise at a value that they cannot take
        return f"it cannot answer these rows ({str(error).splitlines()[0]})"
    if not np.isfinite(values).all():
        return "its answers to some rows are not finite"
    if case.contract.task == "classification":
        values = values[:, [scorer.contract.classes.index(label) for label in case.contract.classes]]
    lacked = tuple(column.name for column in scorer.contract.inputs if column.name not in columns)
    return _Rival(bundle.release.version, values, lacked)


def _recent(found: Sequence[tuple[str, _Rival | str]], case: Case) -> Iterator[Rule]:
    """The best of them is enough: who is no worse than the best is no worse than any."""
    if rivals := [rival for _, rival in found if isinstance(rival, _Rival)]:
        sign = 1 if higher_is_better(case.primary) else -1
        best = max(
            rivals, key=lambda rival: sign * score_one(case.contract, case.truth, rival.predictions, case.primary)
        )
        name = f"the recent release {best.name}"
        yield _no_worse(f"recent.{case.primary}", case, best.predictions, slice(None), case.policy.margin, name)
    for version, reason in found:
        if isinstance(reason, str):
            why = f"the recent release {version} is no measure: {reason}"
            yield Rule("recent", version, None, True, why, judged=False)


def _slices(case: Case, rival: _Rival, name: str) -> Iterator[Rule]:
    """Every slice with enough rows and, for classification, with every class: without, there is nothing to compare."""
    for column in case.policy.slices:
        large, small = slices_of(case, column)
        for piece in large:
            rule = f"slice.{part(column)}.{piece.name}"
            absent = set(case.contract.classes) - set(case.truth[piece.rows])
            if absent:
                why = f"{column}.{piece.name} has no row of {', '.join(sorted(absent))}"
                yield Rule(rule, None, None, True, why, judged=False)
            else:
                yield _no_worse(rule, case, rival.predictions, piece.rows, case.policy.slice_margin, name)
        yield from too_few(case, "slice", column, small)


def _no_worse(rule: str, case: Case, theirs: Array, rows: Array | slice, margin: float, name: str) -> Rule:
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
    own, rival = (score_one(contract, truth, p, metric) for p in (mine, other))
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
