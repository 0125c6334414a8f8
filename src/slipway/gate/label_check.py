"""Check the labels of the holdout with the champion, which was good on earlier labels."""

from __future__ import annotations

import math
from collections.abc import Iterator

from slipway.bundle.verdict import Rule
from slipway.gate.evaluation import Array, Evaluation, slices_of
from slipway.settings.diagnostics import quote_part
from slipway.statistics.bootstrap import bootstrap
from slipway.statistics.metrics import score_one

_METRIC = "roc_auc"
_CHANCE = 0.5


def label_check(evaluation: Evaluation, champion_predictions: Array, champion_name: str) -> Iterator[Rule]:
    """Yield a rule for the entire holdout and one for each slice; a regression has none.

    A rule refuses if the champion's ROC AUC and its entire 95 % interval are below chance (the score alone if there is
    no interval). Drift moves a model towards chance; only inverted labels move it below.
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
    labels, predictions, blocks = evaluation.labels[rows], champion_predictions[rows], evaluation.blocks[rows]
    found = score_one(evaluation.contract, labels, predictions, _METRIC)
    high = found
    if found < _CHANCE:
        seed = evaluation.policy.seed
        intervals = bootstrap(evaluation.contract, labels, predictions, blocks, seed=seed, names=[_METRIC])
        high = intervals[_METRIC][1]
        high = found if math.isnan(high) else high
    ok = high >= _CHANCE
    where = f" in {rule.removeprefix('truth.')}" if rule != "truth" else ""
    verb = "is not significantly below" if ok and found < _CHANCE else "is above" if ok else "is below"
    why = f"{_METRIC}{where} of {champion_name} {found:.3f} {verb} chance ({_CHANCE:g})"
    return Rule(rule, _CHANCE, found if math.isfinite(found) else None, ok, why + ("" if ok else _INVERTED_LABELS))


_INVERTED_LABELS = ", so the labels of these rows are probably inverted"
