"""Write the files of an evaluation: metrics, predictions, a Markdown summary and an HTML report."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import msgspec

from slipway.reporting.html_page import render
from slipway.steps.evaluate import charts
from slipway.steps.evaluate.chart_style import apply_style, render_svg
from slipway.steps.evaluate.charts import Chart
from slipway.steps.evaluate.holdout_predictions import ScoredHoldout
from slipway.steps.evaluate.markdown_summary import (
    describe_evaluation,
    format_number,
    metric_label,
    metric_rows,
    render_summary,
)
from slipway.steps.evaluate.metrics_with_intervals import Results, SliceScores
from slipway.steps.evaluate.task_charts import draw_task_charts
from slipway.tables.data_frame import write_parquet

KEY_NUMBERS = 4


def write_evaluation(scored: ScoredHoldout, results: Results, out: Path) -> dict[str, float]:
    """Write ``metrics.json``, ``predictions.parquet``, ``summary.md`` and ``report.html``; return each metric's value."""
    write_parquet(scored.table(), out / "predictions.parquet")
    (out / "metrics.json").write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")
    (out / "summary.md").write_text(render_summary(scored.contract, results), encoding="utf-8")
    (out / "report.html").write_text(_render_report(scored, results), encoding="utf-8")
    return {name: measured.value for name, measured in results.metrics.items()}


def _render_report(scored: ScoredHoldout, results: Results) -> str:
    """Render the page: key numbers, metrics, charts and slices.

    It is one file without external resources, for light and dark mode.
    """
    with apply_style():
        task = [_render_chart(chart) for chart in _draw_charts(scored, results)]
        slices = [_slice_section(column, scores, results) for column, scores in results.slices.items()]
    return render(
        __package__,
        "report.html.j2",
        kicker="Evaluation",
        name=scored.contract.name,
        about=describe_evaluation(results),
        keys=[row[:3] for row in metric_rows(results)[:KEY_NUMBERS]],
        metrics=metric_rows(results),
        charts=task,
        slices=slices,
    )


def _draw_charts(scored: ScoredHoldout, results: Results) -> Iterator[Chart]:
    drawn = [*draw_task_charts(scored), charts.over_time_chart(scored, results), charts.importance_chart(results)]
    yield from (chart for chart in drawn if chart)


def _slice_section(column: str, scores: dict[str, SliceScores], results: Results) -> dict[str, Any]:
    names = list(results.metrics)
    rows = [(value, f"{int(s['rows']):,}", *(format_number(s[name]) for name in names)) for value, s in scores.items()]
    chart = _render_chart(charts.slice_chart(column, scores, results))
    return {"chart": chart, "head": (column, "Rows", *map(metric_label, names)), "rows": rows}


def _render_chart(chart: Chart) -> tuple[str, str, str]:
    return chart.title, render_svg(chart.figure, escape(chart.title)), chart.note
