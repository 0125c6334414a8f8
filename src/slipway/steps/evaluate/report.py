"""The evaluation as one HTML file that needs nothing from outside, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from slipway.reporting.html_page import card, figure, page, table
from slipway.statistics.metrics import higher_is_better
from slipway.steps.evaluate import charts, classification_charts, regression_charts
from slipway.steps.evaluate.chart_style import style, svg
from slipway.steps.evaluate.charts import Chart
from slipway.steps.evaluate.results import Results, SliceScores
from slipway.steps.evaluate.scored_holdout import Scored
from slipway.steps.evaluate.summary import about, interval, number, words

KEY_NUMBERS = 4


def report(scored: Scored, results: Results) -> str:
    """The whole page: key numbers, metrics, charts, slices."""
    with style():
        task = "".join(_chart(chart) for chart in _task_charts(scored, results))
        slices = "".join(_slice(column, scores, results) for column, scores in results.slices.items())
    by_slice = f'<h2>By slice</h2><div class="slices">{slices}</div>' if slices else ""
    body = (
        f'<section class="cards">{"".join(_cards(results))}</section>\n'
        f'<section><h2>Metrics</h2><div class="panel">{_metrics(results)}</div></section>\n'
        f'<section><h2>Charts</h2><div class="charts">{task}</div></section>\n'
        f"<section>{by_slice}</section>"
    )
    return page("Evaluation", scored.contract.name, about(results), body)


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


def _cards(results: Results) -> Iterator[str]:
    for name, measured in list(results.metrics.items())[:KEY_NUMBERS]:
        yield card(words(name), number(measured.value), interval(measured.low, measured.high))


def _metrics(results: Results) -> str:
    rows = [
        (words(name), number(m.value), interval(m.low, m.high), "higher" if higher_is_better(name) else "lower")
        for name, m in results.metrics.items()
    ]
    return table(("Metric", "Value", "95 % interval", "Better"), rows)


def _slice(column: str, scores: dict[str, SliceScores], results: Results) -> str:
    names = list(results.metrics)
    rows = [(value, f"{int(s['rows']):,}", *(number(s[name]) for name in names)) for value, s in scores.items()]
    told = table((column, "Rows", *map(words, names)), rows)
    chart = _chart(charts.by_slice(column, scores, results))
    return (
        f'<div class="slice">{chart}<details><summary>Every metric by {escape(column)}</summary>{told}</details></div>'
    )


def _chart(chart: Chart) -> str:
    return figure(chart.title, svg(chart.figure, escape(chart.title)), chart.note)
