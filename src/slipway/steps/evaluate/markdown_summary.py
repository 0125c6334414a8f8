"""Render the evaluation as Markdown, for people and for job summaries."""

from __future__ import annotations

import numpy as np

from slipway.contract.metrics import higher_is_better
from slipway.contract.schema import Contract
from slipway.reporting.markdown import table
from slipway.steps.evaluate.metrics_with_intervals import Results, SliceScores

ROWS_SHOWN = 10


def format_number(value: float) -> str:
    """Format a number for people: three decimals below ten, fewer above, one digit if it is tiny, a dash for NaN."""
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


def metric_label(name: str) -> str:
    """Return a metric's name for people: ``roc_auc`` becomes ROC AUC."""
    known = {"roc_auc": "ROC AUC", "rmse": "RMSE", "mae": "MAE", "r2": "R²", "f1_macro": "F1 (macro)"}
    return known.get(name, name.replace("_", " ").capitalize())


def format_interval(low: float, high: float) -> str:
    """Return the interval as text, a dash if it is not finite."""
    return f"{format_number(low)} to {format_number(high)}" if np.isfinite([low, high]).all() else "–"


def describe_evaluation(results: Results) -> str:
    """Describe the rows and the intervals in two sentences."""
    sentence = f"{results.rows:,} holdout rows"
    if results.positive_rate is not None:
        sentence += f", {100 * results.positive_rate:.1f} % of them '{list(results.class_shares)[-1]}'"
    unit = "single rows" if results.block == "row" else f"complete blocks ({results.blocks:,}, by {results.block})"
    return f"{sentence}. Intervals are 95 % bootstrap intervals over {unit}."


def render_summary(contract: Contract, results: Results) -> str:
    """Render the summary, with at most the ten largest slices of each column and the ten most important inputs."""
    parts = [f"## Evaluation of {contract.name}", describe_evaluation(results)]
    parts.append(table(("metric", "value", "95 % interval", "better"), metric_rows(results), numeric_columns=3))
    parts += [_slice_section(column, scores, results) for column, scores in results.slices.items()]
    if results.importance:
        parts.append(_importance_section(results))
    return "\n\n".join(parts) + "\n"


def metric_rows(results: Results) -> list[tuple[str, str, str, str]]:
    """Return each metric with its value, its interval and which direction is better, formatted for people."""
    return [
        (
            metric_label(name),
            format_number(m.value),
            format_interval(m.low, m.high),
            "higher" if higher_is_better(name) else "lower",
        )
        for name, m in results.metrics.items()
    ]


def _slice_section(column: str, scores: dict[str, SliceScores], results: Results) -> str:
    first = results.primary_metric
    rows = [
        (value, f"{int(s['rows']):,}", format_number(s[first]), format_interval(s["low"], s["high"]))
        for value, s in list(scores.items())[:ROWS_SHOWN]
    ]
    more = len(scores) + results.left_out.get(column, 0) - len(rows)
    note = f"\n\nThe {len(rows)} largest of {len(rows) + more} values." if more else ""
    return (
        f"### By {column}\n\n"
        + table((column, "rows", metric_label(first), "95 % interval"), rows, numeric_columns=3)
        + note
    )


def _importance_section(results: Results) -> str:
    rows = [(name, format_number(drop)) for name, drop in list(results.importance.items())[:ROWS_SHOWN]]
    note = f"Loss in {metric_label(results.primary_metric)} when the values of one input are shuffled."
    head = f"### Permutation importance\n\n{note}\n\n"
    return head + table(("input", "loss"), rows, numeric_columns=1)
