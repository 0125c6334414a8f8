"""Whether the holdout's target can be believed, by the only witness there is: the champion, which was proved right."""

from __future__ import annotations

import math
from collections.abc import Iterator

from slipway.bundle.verdict import Rule
from slipway.gate.evaluation import Array, Evaluation, slices_of
from slipway.gate.policy import quote_part
from slipway.statistics.bootstrap import bootstrap
from slipway.statistics.metrics import score_one

_METRIC = "roc_auc"
_CHANCE = 0.5


def label_check(evaluation: Evaluation, champion_predictions: Array, champion_name: str) -> Iterator[Rule]:
    """Refused where the champion's whole interval lies below chance; where there is none, its number itself.

    Drift takes a model towards chance. Only a target that turned round makes it worse than that.
    """
    if evaluation.contract.task == "regression":
        return
    yield _label_rule("truth", evaluation, champion_predictions, slice(None), champion_name)
    for column in evaluation.policy.slices:
        for piece in slices_of(evaluation, column)[0]:
            if set(evaluation.contract.classes) == set(evaluation.labels[piece.rows]):
                yield _label_rule(
                    f"truth.{quote_part(column)}.{piece.name}",
                    evaluation,
                    champion_predictions,
                    piece.rows,
                    champion_name,
                )


def _label_rule(
    rule: str, evaluation: Evaluation, champion_predictions: Array, rows: Array | slice, champion_name: str
) -> Rule:
    truth, answers, blocks = evaluation.labels[rows], champion_predictions[rows], evaluation.blocks[rows]
    found = score_one(evaluation.contract, truth, answers, _METRIC)
    high = found
    if found < _CHANCE:
        high = bootstrap(evaluation.contract, truth, answers, blocks, seed=evaluation.policy.seed, names=[_METRIC])[
            _METRIC
        ][1]
        high = found if math.isnan(high) else high
    ok = high >= _CHANCE
    where = f" in {rule.removeprefix('truth.')}" if rule != "truth" else ""
    verb = "is not surely worse than" if ok and found < _CHANCE else "is better than" if ok else "is worse than"
    why = f"{_METRIC}{where} {found:.3f} of {champion_name} {verb} the {_CHANCE:g} of chance"
    return Rule(rule, _CHANCE, found if math.isfinite(found) else None, ok, why + ("" if ok else _INVERTED_LABELS))


_INVERTED_LABELS = ", so the target of these rows has probably turned round"
