"""Whether the holdout's target can be believed, by the only witness there is: the champion, which was proved right."""

from __future__ import annotations

import math
from collections.abc import Iterator

from slipway.bundle.verdict import Rule
from slipway.gate.evaluation import Array, Case, slices_of
from slipway.gate.policy import part
from slipway.statistics.bootstrap import bootstrap
from slipway.statistics.metrics import score_one

_METRIC = "roc_auc"
_CHANCE = 0.5


def truth(case: Case, champion: Array, name: str) -> Iterator[Rule]:
    """Refused where the champion's whole interval lies below chance; where there is none, its number itself.

    Drift takes a model towards chance. Only a target that turned round makes it worse than that.
    """
    if case.contract.task == "regression":
        return
    yield _believed("truth", case, champion, slice(None), name)
    for column in case.policy.slices:
        for piece in slices_of(case, column)[0]:
            if set(case.contract.classes) == set(case.truth[piece.rows]):
                yield _believed(f"truth.{part(column)}.{piece.name}", case, champion, piece.rows, name)


def _believed(rule: str, case: Case, champion: Array, rows: Array | slice, name: str) -> Rule:
    truth, answers, blocks = case.truth[rows], champion[rows], case.blocks[rows]
    found = score_one(case.contract, truth, answers, _METRIC)
    high = found
    if found < _CHANCE:
        high = bootstrap(case.contract, truth, answers, blocks, seed=case.policy.seed, names=[_METRIC])[_METRIC][1]
        high = found if math.isnan(high) else high
    ok = high >= _CHANCE
    where = f" in {rule.removeprefix('truth.')}" if rule != "truth" else ""
    verb = "is not surely worse than" if ok and found < _CHANCE else "is better than" if ok else "is worse than"
    why = f"{_METRIC}{where} {found:.3f} of {name} {verb} the {_CHANCE:g} of chance"
    return Rule(rule, _CHANCE, found if math.isfinite(found) else None, ok, why + ("" if ok else _TURNED))


_TURNED = ", so the target of these rows has probably turned round"
