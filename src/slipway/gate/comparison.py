"""Compare the candidate with earlier releases on the same rows: the champion, slice by slice, and the recent releases."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from slipway.bundle.release_file import Bundle
from slipway.bundle.verdict import Rule
from slipway.contract.metrics import higher_is_better
from slipway.errors import ContractError
from slipway.gate.candidate import columns_in
from slipway.gate.evaluation import Array, Evaluation, slices_of, small_slice_rules
from slipway.gate.holdout import training_overlap
from slipway.gate.label_check import label_check
from slipway.inference.scorer import load
from slipway.pipeline.candidate import Candidate
from slipway.reporting.numbers import format_distinct
from slipway.settings.diagnostics import quote_part
from slipway.statistics.bootstrap import paired_difference
from slipway.statistics.metrics import score_one


@dataclass(frozen=True, slots=True)
class Baseline:
    """An earlier release with its predictions for the holdout, classes in the candidate's order.

    ``missing_inputs`` are the inputs of its contract that the holdout lacks.
    """

    name: str
    predictions: Array
    missing_inputs: tuple[str, ...] = ()


def compare(candidate: Candidate, champion: Bundle, recent: Sequence[Bundle], evaluation: Evaluation) -> Iterator[Rule]:
    """Yield the rules that need an earlier release.

    Raises:
        BundleError: a file of an earlier release differs from its sealed digest, or its model cannot be loaded.
    """
    baseline = _load_baseline(champion, candidate, evaluation)
    yield _comparability_rule(baseline, champion, evaluation)
    if isinstance(baseline, Baseline):
        yield _non_inferiority_rule(
            f"champion.{evaluation.primary_metric}",
            evaluation,
            baseline.predictions,
            slice(None),
            evaluation.policy.margin,
            "champion",
        )
        yield from _slice_rules(evaluation, baseline, "champion")
        yield from label_check(evaluation, baseline.predictions, f"the champion {baseline.name}")
    others = [bundle for bundle in recent if bundle.digest != champion.digest]
    yield from _recent_rules(
        [(bundle.release.version, _load_baseline(bundle, candidate, evaluation)) for bundle in others], evaluation
    )


def _comparability_rule(baseline: Baseline | str, champion: Bundle, evaluation: Evaluation) -> Rule:
    version, allowed = champion.release.version, evaluation.policy.incomparable
    if isinstance(baseline, Baseline):
        missing = ", ".join(baseline.missing_inputs)
        without = f", but without {missing}, which the holdout no longer has" if missing else ""
        return Rule("comparable", None, None, True, f"the champion {version} can score the same rows{without}")
    ok = allowed == version
    advice = "allowed by gate.incomparable" if ok else _advise_on_comparison(champion, evaluation)
    why = f"the champion {version} cannot be compared: {baseline}; {advice}"
    return Rule("comparable", version, allowed, ok, why)


def _advise_on_comparison(champion: Bundle, evaluation: Evaluation) -> str:
    """Suggest what to do about a champion that cannot be compared."""
    exception = f"set gate.incomparable = '{champion.release.version}' to replace it after a review"
    if champion.release.name != evaluation.contract.name:
        # Such as the example, if a user shipped it first and their own model second.
        return (
            f"it is another model, '{champion.release.name}': give '{evaluation.contract.name}' its own target with "
            f"target.path, or {exception}"
        )
    return f"undo that change of the data, the inputs or the split, or {exception}"


def _load_baseline(bundle: Bundle, candidate: Candidate, evaluation: Evaluation) -> Baseline | str:
    """Return the release's predictions for the holdout, or why it cannot be compared with the candidate."""
    if reason := training_overlap(candidate.split, bundle.release.split):
        return reason
    scorer = load(bundle.path, expected_digest=bundle.digest)
    if scorer.contract.task != evaluation.contract.task or set(scorer.contract.classes) != set(
        evaluation.contract.classes
    ):
        return "it predicts other classes"
    try:
        # Not validated against the release's contract: in production it would have to predict these rows too.
        columns = columns_in(evaluation.frame, scorer.contract)
        values = scorer.predict_checked(scorer.complete_columns(columns)).values
    except ContractError as error:
        return str(error)
    except Exception as error:  # scikit-learn and onnxruntime raise many classes for values that they cannot handle
        return f"it cannot score these rows ({str(error).splitlines()[0]})"
    if not np.isfinite(values).all():
        return "its predictions for some rows are not finite"
    if evaluation.contract.task == "classification":
        values = values[:, [scorer.contract.classes.index(label) for label in evaluation.contract.classes]]
    missing = tuple(column.name for column in scorer.contract.inputs if column.name not in columns)
    return Baseline(bundle.release.version, values, missing)


def _recent_rules(baselines: Sequence[tuple[str, Baseline | str]], evaluation: Evaluation) -> Iterator[Rule]:
    """Compare the candidate with the best recent release, and list those that cannot be compared.

    One comparison is enough: a candidate that is no worse than the best is no worse than any of them.
    """
    if comparable := [baseline for _, baseline in baselines if isinstance(baseline, Baseline)]:
        sign = 1 if higher_is_better(evaluation.primary_metric) else -1
        best = max(
            comparable,
            key=lambda one: (
                sign * score_one(evaluation.contract, evaluation.labels, one.predictions, evaluation.primary_metric)
            ),
        )
        yield _non_inferiority_rule(
            f"recent.{evaluation.primary_metric}",
            evaluation,
            best.predictions,
            slice(None),
            evaluation.policy.margin,
            f"recent release {best.name}",
        )
    for version, reason in baselines:
        if isinstance(reason, str):
            why = f"the recent release {version} cannot be compared: {reason}"
            yield Rule("recent", version, None, True, why, judged=False)


def _slice_rules(evaluation: Evaluation, baseline: Baseline, baseline_name: str) -> Iterator[Rule]:
    """Compare every slice that has enough rows and, for classification, rows of every class."""
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
    """Test non-inferiority by a paired block bootstrap, with the sign set so that higher is better.

    The candidate is refused if it is worse by more than the margin *and* its entire 95 % interval lies below zero: then
    the loss is not small and not due to chance. The interval alone would refuse trivial losses on a large holdout, and the
    margin alone would refuse noise on a small one. A loss of more than twice the margin is refused regardless of the
    interval, so that a small or dependent holdout cannot let everything pass. A difference that is not a number is refused.
    """
    metric, contract = evaluation.primary_metric, evaluation.contract
    truth, mine, other = evaluation.labels[rows], evaluation.predictions[rows], baseline_predictions[rows]
    difference, low, high = paired_difference(
        contract, truth, mine, other, evaluation.blocks[rows], metric=metric, seed=evaluation.policy.seed
    )
    own, baseline = (score_one(contract, truth, p, metric) for p in (mine, other))
    allowed, best = margin, high
    if not higher_is_better(metric):
        difference, allowed, best = -difference, margin * abs(baseline), -low
    ok = difference >= -allowed or (difference >= -2 * allowed and not best < 0)
    found = difference if math.isfinite(difference) else None
    return Rule(rule, -allowed, found, ok, _comparison_message(rule, metric, own, baseline, baseline_name, ok, allowed))


def _comparison_message(
    rule: str, metric: str, score: float, baseline_score: float, baseline_name: str, ok: bool, allowed: float
) -> str:
    where = f" in {'.'.join(rule.split('.')[1:])}" if rule.startswith("slice.") else ""
    first, second = format_distinct(score, baseline_score)
    verb = "vs" if ok else "is worse than the"
    return f"{metric}{where} {first} {verb} {baseline_name}'s {second} (margin {allowed:.3g})"
