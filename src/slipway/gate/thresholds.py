"""Floors, ceilings and the limit of calibration: too bad is a failure, and too good is a leak."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from slipway.bundle.verdict import Rule
from slipway.gate.evaluation import Array, Case, slices_of, too_few
from slipway.gate.policy import SliceBounds, part
from slipway.reporting.numbers import told_apart
from slipway.statistics.bootstrap import bootstrap
from slipway.statistics.metrics import higher_is_better, score_one

_CALIBRATION = "calibration_error"


def bounds(case: Case) -> Iterator[Rule]:
    """The rules that hold the candidate's own metrics against fixed numbers."""
    policy = case.policy
    scores = case.scores([*policy.floors, *policy.ceilings])
    for name, floor in policy.floors.items():
        yield _bound(f"floor.{name}", name, scores[name], floor, below=True)
    for name, ceiling in policy.ceilings.items():
        yield _bound(f"ceiling.{name}", name, scores[name], ceiling, below=False)
    if not any(map(higher_is_better, policy.floors)) and all(map(higher_is_better, policy.ceilings)):
        yield _better_than_a_constant(case)
    for family, columns in policy.slice_bounds.items():
        yield from _slices(case, family, columns)


def _slices(case: Case, family: str, columns: SliceBounds) -> Iterator[Rule]:
    for column, wanted in columns.items():
        large, small = slices_of(case, column)
        for piece in large:
            scores = case.scores(list(wanted), piece.rows)
            for name, limit in wanted.items():
                rule, where = f"{family}.{part(column)}.{piece.name}.{name}", f"{name} in {column}.{piece.name}"
                yield _bound(rule, name, scores[name], limit, below=family == "slice_floor", where=where)
        yield from too_few(case, family, column, small)


def _bound(rule: str, metric: str, found: float, bound: float, *, below: bool, where: str = "") -> Rule:
    """A floor says "at least" and a ceiling "at most", whichever direction is better for the metric."""
    subject = where or metric
    if not math.isfinite(found):
        return Rule(rule, bound, None, False, f"{subject} has no value and {bound:g} is required")
    first, second = told_apart(found, bound)
    if found >= bound if below else found <= bound:
        return Rule(rule, bound, found, True, f"{subject} {first} is {'at least' if below else 'at most'} {second}")
    too_good = below != higher_is_better(metric)
    wanted = "believable" if too_good else "required"
    return Rule(
        rule, bound, found, False, f"{subject} {first} is {'below' if below else 'above'} the {wanted} {second}"
    )


def _better_than_a_constant(case: Case) -> Rule:
    """The floor where none is set: what one and the same answer to every row would reach."""
    name, found = case.primary, case.scores([case.primary])[case.primary]
    reached = score_one(case.contract, case.truth, _constant(case), name)
    better = higher_is_better(name)
    rule = f"{'floor' if better else 'ceiling'}.{name}"
    if not math.isfinite(found) or not math.isfinite(reached):
        return Rule(rule, None, None, False, f"{name} has no value, and no floor is set")
    first, second = told_apart(found, reached)
    ok = found > reached if better else found < reached
    why = f"{name} {first} is {'' if ok else 'no '}better than the {second} of a constant answer, and no floor is set"
    return Rule(rule, reached, found, ok, why)


def _constant(case: Case) -> Array:
    if case.contract.task == "regression":
        return np.full(len(case.truth), case.truth.mean())
    shares = [np.mean(case.truth == label) for label in case.contract.classes]
    return np.tile(shares, (len(case.truth), 1))


def calibration(case: Case) -> Iterator[Rule]:
    """Whether probabilities are some: of the rows that are late with 30 %, are 30 of 100 late?

    Refused where the error is above the limit and surely so, or above twice the limit whatever the interval. The
    error of few rows is large by chance, and that of a stormy month by bad luck, so the whole interval of the block
    bootstrap must lie above the limit. Where there is no interval, twice the limit is all that is left.
    """
    if case.contract.task == "regression":
        return
    limit, found = case.policy.maximum_calibration_error, case.scores([_CALIBRATION])[_CALIBRATION]
    if not math.isfinite(found):
        yield Rule("calibration", limit, None, False, f"{_CALIBRATION} has no value and at most {limit:g} is allowed")
        return
    low = _low(case) if limit < found <= 2 * limit else math.nan
    ok = found <= 2 * limit and not low > limit
    first, second = told_apart(found, limit)
    surely = f", with 95 % confidence above {low:.3f}" if math.isfinite(low) else ""
    verb = "not surely above" if ok and found > limit else "at most" if ok else "above"
    yield Rule("calibration", limit, found, ok, f"{_CALIBRATION} {first} is {verb} the allowed {second}{surely}")


def _low(case: Case) -> float:
    judged = case.contract, case.truth, case.predictions, case.blocks
    return bootstrap(*judged, seed=case.policy.seed, names=[_CALIBRATION])[_CALIBRATION][0]
