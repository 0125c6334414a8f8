"""The candidate beside earlier releases, on the same rows: the champion, the best of the last ones, slice by slice."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from slipway.bundle.release_file import Bundle
from slipway.bundle.verdict import Rule
from slipway.errors import ContractError
from slipway.gate.candidate import columns_in
from slipway.gate.evaluation import Array, Evaluation, slices_of, small_slice_rules
from slipway.gate.holdout import training_overlap
from slipway.gate.label_check import label_check
from slipway.gate.policy import GatePolicy, quote_part
from slipway.inference.scorer import load
from slipway.pipeline.candidate import Candidate
from slipway.reporting.numbers import format_distinct
from slipway.statistics.bootstrap import paired_difference
from slipway.statistics.metrics import higher_is_better, score_one


@dataclass(frozen=True, slots=True)
class Baseline:
    """An earlier release, its answers to the same rows in the order of the candidate's classes, and inputs it lacked."""

    name: str
    predictions: Array
    missing_inputs: tuple[str, ...] = ()


def compare(candidate: Candidate, champion: Bundle, recent: Sequence[Bundle], evaluation: Evaluation) -> Iterator[Rule]:
    """The rules that need an earlier release.

    Raises:
        BundleError: an earlier release's bytes are not the sealed ones, or its model cannot be loaded.
    """
    rival = _load_baseline(champion, candidate, evaluation)
    yield _comparability_rule(rival, champion, evaluation.policy)
    if isinstance(rival, Baseline):
        name = f"the champion {rival.name}"
        yield _non_inferiority_rule(
            f"champion.{evaluation.primary_metric}",
            evaluation,
            rival.predictions,
            slice(None),
            evaluation.policy.margin,
            name,
        )
        yield from _slice_rules(evaluation, rival, name)
        yield from label_check(evaluation, rival.predictions, name)
    others = [bundle for bundle in recent if bundle.digest != champion.digest]
    yield from _recent_rules(
        [(bundle.release.version, _load_baseline(bundle, candidate, evaluation)) for bundle in others], evaluation
    )


def _comparability_rule(baseline: Baseline | str, champion: Bundle, policy: GatePolicy) -> Rule:
    version = champion.release.version
    if isinstance(baseline, Baseline):
        without = (
            f", but without {', '.join(baseline.missing_inputs)}, which the holdout has no more"
            if baseline.missing_inputs
            else ""
        )
        return Rule("comparable", None, None, True, f"the champion {version} can be asked the same rows{without}")
    ok = policy.incomparable == version
    advice = "which was allowed" if ok else f"and gate.incomparable = '{version}' was not set after a review"
    return Rule(
        "comparable", version, policy.incomparable, ok, f"the champion {version} is no measure: {baseline}, {advice}"
    )


def _load_baseline(bundle: Bundle, candidate: Candidate, evaluation: Evaluation) -> Baseline | str:
    """The release's answers to the holdout, or why they are no measure for the candidate."""
    if reason := training_overlap(candidate.split, bundle.release.split):
        return reason
    scorer = load(bundle.path, expected_digest=bundle.digest)
    if scorer.contract.task != evaluation.contract.task or set(scorer.contract.classes) != set(
        evaluation.contract.classes
    ):
        return "it answers other classes"
    try:
        # Values that its contract forbids are asked all the same: it would have to answer those rows now.
        columns = columns_in(evaluation.frame, scorer.contract)
        values = scorer.predict_checked(scorer.complete_columns(columns)).values
    except ContractError as error:
        return str(error)
    except Exception as error:  # what scikit-learn and onnxruntime raise at a value that they cannot take
        return f"it cannot answer these rows ({str(error).splitlines()[0]})"
    if not np.isfinite(values).all():
        return "its answers to some rows are not finite"
    if evaluation.contract.task == "classification":
        values = values[:, [scorer.contract.classes.index(label) for label in evaluation.contract.classes]]
    lacked = tuple(column.name for column in scorer.contract.inputs if column.name not in columns)
    return Baseline(bundle.release.version, values, lacked)


def _recent_rules(baselines: Sequence[tuple[str, Baseline | str]], evaluation: Evaluation) -> Iterator[Rule]:
    """The best of them is enough: who is no worse than the best is no worse than any."""
    if rivals := [rival for _, rival in baselines if isinstance(rival, Baseline)]:
        sign = 1 if higher_is_better(evaluation.primary_metric) else -1
        best = max(
            rivals,
            key=lambda rival: (
                sign * score_one(evaluation.contract, evaluation.labels, rival.predictions, evaluation.primary_metric)
            ),
        )
        name = f"the recent release {best.name}"
        yield _non_inferiority_rule(
            f"recent.{evaluation.primary_metric}",
            evaluation,
            best.predictions,
            slice(None),
            evaluation.policy.margin,
            name,
        )
    for version, reason in baselines:
        if isinstance(reason, str):
            why = f"the recent release {version} is no measure: {reason}"
            yield Rule("recent", version, None, True, why, judged=False)


def _slice_rules(evaluation: Evaluation, baseline: Baseline, baseline_name: str) -> Iterator[Rule]:
    """Every slice with enough rows and, for classification, with every class: without, there is nothing to compare."""
    for column in evaluation.policy.slices:
        large, small = slices_of(evaluation, column)
        for piece in large:
            rule = f"slice.{quote_part(column)}.{piece.name}"
            absent = set(evaluation.contract.classes) - set(evaluation.labels[piece.rows])
            if absent:
                why = f"{column}.{piece.name} has no row of {', '.join(sorted(absent))}"
                yield Rule(rule, None, None, True, why, judged=False)
            else:
                yield _non_inferiority_rule(
                    rule, evaluation, baseline.predictions, piece.rows, evaluation.policy.slice_margin, baseline_name
                )
        yield from small_slice_rules(evaluation, "slice", column, small)


def _non_inferiority_rule(
    rule: str,
    evaluation: Evaluation,
    baseline_predictions: Array,
    rows: Array | slice,
    margin: float,
    baseline_name: str,
) -> Rule:
    """Non-inferiority by a paired block bootstrap, with the sign turned so that more is better.

    Refused where the candidate is worse by more than the margin *and* its whole 95 % interval lies below zero: then
    the loss is neither small nor chance. The interval alone would refuse trifles on a large holdout, the margin alone
    would refuse mere noise on a small one. A loss of twice the margin is refused whatever the interval says, so that
    a small or dependent holdout cannot wave anything through; and so is a difference that is no number.
    """
    metric, contract = evaluation.primary_metric, evaluation.contract
    truth, mine, other = evaluation.labels[rows], evaluation.predictions[rows], baseline_predictions[rows]
    difference, low, high = paired_difference(
        contract, truth, mine, other, evaluation.blocks[rows], metric=metric, seed=evaluation.policy.seed
    )
    own, rival = (score_one(contract, truth, p, metric) for p in (mine, other))
    allowed, best = margin, high
    if not higher_is_better(metric):
        difference, allowed, best = -difference, margin * abs(rival), -low
    ok = difference >= -allowed or (difference >= -2 * allowed and not best < 0)
    found = difference if math.isfinite(difference) else None
    return Rule(rule, -allowed, found, ok, _comparison_message(rule, metric, own, rival, baseline_name, ok, allowed))


def _comparison_message(
    rule: str, metric: str, score: float, baseline_score: float, baseline_name: str, ok: bool, allowed: float
) -> str:
    where = f" in {'.'.join(rule.split('.')[1:])}" if rule.startswith("slice.") else ""
    first, second = format_distinct(score, baseline_score)
    verb = "is no worse than" if ok else "is worse than"
    return f"{metric}{where} {first} {verb} {second} of {baseline_name}, where {allowed:.3g} less is allowed"
