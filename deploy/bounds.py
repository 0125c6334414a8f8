"""Floors and ceilings."""

from __future__ import annotations

import math

from deploy.verdict import Rule, told_apart
from pipeline.component.metrics import higher_is_better


def bound(rule: str, metric: str, found: float, bound: float, *, below: bool) -> Rule:
    """A floor says "at least" and a ceiling "at most", whichever direction is better for the metric."""
    if not math.isfinite(found):
        return Rule(rule, bound, None, False, f"{metric} has no value and {bound:g} is required")
    first, second = told_apart(found, bound)
    if found >= bound if below else found <= bound:
        return Rule(rule, bound, found, True, f"{metric} {first} is {'at least' if below else 'at most'} {second}")
    too_good = below != higher_is_better(metric)
    wanted = "believable" if too_good else "required"
    return Rule(rule, bound, found, False, f"{metric} {first} is {'below' if below else 'above'} the {wanted} {second}")
