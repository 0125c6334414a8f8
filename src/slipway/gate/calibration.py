"""Whether probabilities are some: of the rows that are late with 30 %, are 30 of 100 late?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from slipway.bundle.verdict import Rule
from slipway.gate.evaluation import Case
from slipway.reporting.numbers import told_apart
from slipway.statistics.bootstrap import bootstrap

_METRIC = "calibration_error"


def calibration(case: Case) -> Iterator[Rule]:
    """Refused where the error is above the limit and surely so, or above twice the limit whatever the interval.

    The error of few rows is large by chance, and that of a stormy month by bad luck, so the whole interval of the
    block bootstrap must lie above the limit. Where there is no interval, twice the limit is all that is left.
    """
    if case.contract.task == "regression":
        return
    limit, found = case.policy.maximum_calibration_error, case.scores([_METRIC])[_METRIC]
    if not math.isfinite(found):
        yield Rule("calibration", limit, None, False, f"{_METRIC} has no value and at most {limit:g} is allowed")
        return
    low = _low(case) if limit < found <= 2 * limit else math.nan
    ok = found <= 2 * limit and not low > limit
    first, second = told_apart(found, limit)
    surely = f", with 95 % confidence above {low:.3f}" if math.isfinite(low) else ""
    why = f"{_METRIC} {first} is {'not surely above' if ok and found > limit else 'at most' if ok else 'above'} the allowed"
    yield Rule("calibration", limit, found, ok, f"{why} {second}{surely}")


def _low(case: Case) -> float:
    judged = case.contract, case.truth, case.predictions, case.blocks
    return bootstrap(*judged, seed=case.policy.seed, names=[_METRIC])[_METRIC][0]
