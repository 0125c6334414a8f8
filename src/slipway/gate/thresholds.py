"""Rules with fixed thresholds: minimum and maximum scores, and the calibration limit.

A score below its minimum is a failure; a suspiciously high score usually means leakage.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from slipway.bundle.verdict import Rule
from slipway.contract.metrics import higher_is_better
from slipway.gate.evaluation import Array, Evaluation, slices_of, small_slice_rules
from slipway.reporting.numbers import format_distinct
from slipway.settings.diagnostics import quote_part
from slipway.settings.names import SliceThresholds
from slipway.statistics.bootstrap import bootstrap
from slipway.statistics.metrics import score_one

_CALIBRATION = "calibration_error"


def threshold_rules(evaluation: Evaluation) -> Iterator[Rule]:
    """Yield the rules that compare the candidate's own metrics with fixed thresholds."""
    policy = evaluation.policy
    scores = evaluation.scores([*policy.minimum, *policy.maximum])
    for name, minimum in policy.minimum.items():
        yield _threshold_rule(f"floor.{name}", name, scores[name], minimum, is_minimum=True)
    for name, maximum in policy.maximum.items():
        yield _threshold_rule(f"ceiling.{name}", name, scores[name], maximum, is_minimum=False)
    # Without a threshold on the side that guards quality, any model would pass, so a constant prediction is the threshold.
    if not any(map(higher_is_better, policy.minimum)) and all(map(higher_is_better, policy.maximum)):
        yield _constant_baseline_rule(evaluation)
    for family, columns in policy.slice_thresholds.items():
        yield from _slice_threshold_rules(evaluation, family, columns)


def _slice_threshold_rules(evaluation: Evaluation, family: str, columns: SliceThresholds) -> Iterator[Rule]:
    for column, wanted in columns.items():
        large, small = slices_of(evaluation, column)
        for piece in large:
            scores = evaluation.scores(list(wanted), piece.rows)
            for name, limit in wanted.items():
                rule, where = f"{family}.{quote_part(column)}.{piece.name}.{name}", f"{name} in {column}.{piece.name}"
                yield _threshold_rule(rule, name, scores[name], limit, is_minimum=family == "slice_floor", where=where)
        yield from small_slice_rules(evaluation, family, column, small)


def _threshold_rule(
    rule: str, metric: str, score: float, threshold: float, *, is_minimum: bool, where: str = ""
) -> Rule:
    """Compare a score with a minimum ("at least") or maximum ("at most"), whichever direction is better for the metric."""
    subject = where or metric
    if not math.isfinite(score):
        return Rule(rule, threshold, None, False, f"{subject} has no value; {threshold:g} is required")
    first, second = format_distinct(score, threshold)
    if score >= threshold if is_minimum else score <= threshold:
        return Rule(
            rule, threshold, score, True, f"{subject} {first} is {'at least' if is_minimum else 'at most'} {second}"
        )
    too_good = is_minimum != higher_is_better(metric)
    limit = f"plausible {'minimum' if is_minimum else 'maximum'}" if too_good else "required"
    return Rule(
        rule,
        threshold,
        score,
        False,
        f"{subject} {first} is {'below' if is_minimum else 'above'} the {limit} {second}",
    )


def _constant_baseline_rule(evaluation: Evaluation) -> Rule:
    """The default threshold: the score of a constant prediction for every row."""
    name, found = evaluation.primary_metric, evaluation.scores([evaluation.primary_metric])[evaluation.primary_metric]
    reached = score_one(evaluation.contract, evaluation.labels, _constant_predictions(evaluation), name)
    better = higher_is_better(name)
    rule, setting = (f"floor.{name}", "minimum") if better else (f"ceiling.{name}", "maximum")
    if not math.isfinite(found) or not math.isfinite(reached):
        return Rule(rule, None, None, False, f"{name} has no value, and no {setting} is set")
    first, second = format_distinct(found, reached)
    ok = found > reached if better else found < reached
    verb = "is better than" if ok else "is not better than"
    why = f"{name} {first} {verb} {second} of a constant prediction, and no {setting} is set"
    return Rule(rule, reached, found, ok, why)


def _constant_predictions(evaluation: Evaluation) -> Array:
    if evaluation.contract.task == "regression":
        return np.full(len(evaluation.labels), evaluation.labels.mean())
    shares = [np.mean(evaluation.labels == label) for label in evaluation.contract.classes]
    return np.tile(shares, (len(evaluation.labels), 1))


def calibration_rules(evaluation: Evaluation) -> Iterator[Rule]:
    """Yield the rule on calibration: of the rows predicted late with 30 %, are 30 of 100 late?

    The candidate is refused if its calibration error is above the limit with 95 % confidence, or above twice the limit
    regardless of the interval. A few rows, or one stormy month, can have a large error by chance, so the entire interval
    of the block bootstrap must lie above the limit. If there is no interval, only twice the limit applies.
    """
    if evaluation.contract.task == "regression":
        return
    limit, found = evaluation.policy.maximum_calibration_error, evaluation.scores([_CALIBRATION])[_CALIBRATION]
    if not math.isfinite(found):
        yield Rule("calibration", limit, None, False, f"{_CALIBRATION} has no value; at most {limit:g} is allowed")
        return
    low = _calibration_lower_bound(evaluation) if limit < found <= 2 * limit else math.nan
    ok = found <= 2 * limit and not low > limit
    first, second = format_distinct(found, limit)
    interval = f" (with 95 % confidence above {low:.3f})" if math.isfinite(low) else ""
    verb = "not significantly above" if ok and found > limit else "at most" if ok else "above"
    yield Rule("calibration", limit, found, ok, f"{_CALIBRATION} {first} is {verb} the allowed {second}{interval}")


def _calibration_lower_bound(evaluation: Evaluation) -> float:
    inputs = evaluation.contract, evaluation.labels, evaluation.predictions, evaluation.blocks
    return bootstrap(*inputs, seed=evaluation.policy.seed, names=[_CALIBRATION])[_CALIBRATION][0]
