"""The evaluation as one HTML file that needs nothing from outside, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from slipway.reporting.html_page import render
from slipway.steps.evaluate import charts, classification_charts, regression_charts
from slipway.steps.evaluate.chart_style import style, svg
from slipway.steps.evaluate.charts import Chart
from slipway.steps.evaluate.results import Results, SliceScores
from slipway.steps.evaluate.scored_holdout import Scored
from slipway.steps.evaluate.summary import about, metric_rows, number, words

KEY_NUMBERS = 4


def report(scored: Scored, results: Results) -> str:
    """The whole page: key numbers, metrics, charts, slices."""
    with style():
        task = [_drawn(chart) for chart in _task_charts(scored, results)]
        slices = [_slice(column, scores, results) for column, scores in results.slices.items()]
    return render(
        __package__,
        "report.html.j2",
        kicker="Evaluation",
        name=scored.contract.name,
        about=about(results),
        keys=[row[:3] for row in metric_rows(results)[:KEY_NUMBERS]],
        metrics=metric_rows(results),
        charts=task,
        slices=slices,
    )


def _task_charts(scored: Scored, results: Results) -> Iterator[Chart]:
    made: list[Chart | None]
    if scored.contract.task == "regression":
        room = regression_charts
        made = [room.predicted_and_actual(scored), room.residuals(scored), room.residuals_over_time(scored)]
    else:
        plain = classification_charts
        made = [plain.roc(scored), plain.precision_recall(scored), plain.calibration(scored)]
        made += [plain.distribution(scored), plain.confusion(scored)]
    made += [charts.over_time(scored, results), charts.importance(results)]
    yield from (chart for chart in made if chart)


def _slice(column: str, scores: dict[str, SliceScores], results: Results) -> dict[str, Any]:
    names = list(results.metrics)
    rows = [(value, f"{int(s['rows']):,}", *(number(s[name]) for name in names)) for value, s in scores.items()]
    chart = _drawn(charts.by_slice(column, scores, results))
    return {"chart": chart, "head": (column, "Rows", *map(words, names)), "rows": rows}


def _drawn(chart: Chart) -> tuple[str, str, str]:
    return chart.title, svg(chart.figure, escape(chart.title)), chart.note
