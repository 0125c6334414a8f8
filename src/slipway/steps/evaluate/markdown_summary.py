"""The evaluation as Markdown, for people and job summaries."""

from __future__ import annotations

import numpy as np

from slipway.contract.schema import Contract
from slipway.reporting.markdown import table
from slipway.statistics.metrics import higher_is_better
from slipway.steps.evaluate.metrics_with_intervals import Results, SliceScores

SHOWN = 10


def number(value: float) -> str:
    """A number as a person reads it: three decimals below ten, fewer above, one digit where it is tiny, a dash for NaN."""
    size = abs(value)
    if not np.isfinite(value):
        return "–"
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    if size >= 0.001 or size == 0:
        return f"{value:.3f}"
    return f"{value:.4f}" if size >= 0.0001 else f"{value:.0e}"


def words(name: str) -> str:
    """A metric's name for people: ``roc_auc`` is ROC AUC."""
    known = {"roc_auc": "ROC AUC", "rmse": "RMSE", "mae": "MAE", "r2": "R²", "f1_macro": "F1 (macro)"}
    return known.get(name, name.replace("_", " ").capitalize())


def interval(low: float, high: float) -> str:
    """The interval as text, a dash where nothing is known."""
    return f"{number(low)} to {number(high)}" if np.isfinite([low, high]).all() else "–"


def about(results: Results) -> str:
    """One sentence on the rows and the intervals."""
    sentence = f"{results.rows:,} holdout rows"
    if results.positive_rate is not None:
        sentence += f", {100 * results.positive_rate:.1f} % of them '{list(results.class_shares)[-1]}'"
    unit = "single rows" if results.block == "row" else f"whole blocks ({results.blocks:,}, by {results.block})"
    return f"{sentence}. Intervals are 95 % bootstrap intervals over {unit}."


def summary(contract: Contract, results: Results) -> str:
    """The whole summary; slices and inputs are cut to the largest ten."""
    parts = [f"## Evaluation of {contract.name}", about(results)]
    parts.append(table(("metric", "value", "95 % interval", "better"), metric_rows(results), numbers=3))
    parts += [_slice(column, scores, results) for column, scores in results.slices.items()]
    if results.importance:
        parts.append(_importance(results))
    return "\n\n".join(parts) + "\n"


def metric_rows(results: Results) -> list[tuple[str, str, str, str]]:
    """Each metric with its value, its interval and which way is better, as a person reads them."""
    return [
        (words(name), number(m.value), interval(m.low, m.high), "higher" if higher_is_better(name) else "lower")
        for name, m in results.metrics.items()
    ]


def _slice(column: str, scores: dict[str, SliceScores], results: Results) -> str:
    first = results.primary
    rows = [
        (value, f"{int(s['rows']):,}", number(s[first]), interval(s["low"], s["high"]))
        for value, s in list(scores.items())[:SHOWN]
    ]
    more = len(scores) + results.left_out.get(column, 0) - len(rows)
    note = f"\n\nThe {len(rows)} largest of {len(rows) + more} values." if more else ""
    return f"### By {column}\n\n" + table((column, "rows", words(first), "95 % interval"), rows, numbers=3) + note


def _importance(results: Results) -> str:
    rows = [(name, number(drop)) for name, drop in list(results.importance.items())[:SHOWN]]
    head = f"### What the model relies on\n\nLoss in {words(results.primary)} when an input is shuffled.\n\n"
    return head + table(("input", "loss"), rows, numbers=1)
