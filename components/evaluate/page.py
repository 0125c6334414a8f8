"""The evaluation as one HTML file that needs nothing from outside, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

from components.evaluate import charts, classification_charts, regression_charts
from components.evaluate.charts import Chart
from components.evaluate.drawing import style, svg
from components.evaluate.results import Results, SliceScores
from components.evaluate.scored import Scored
from components.evaluate.summary import about, interval, number, words
from pipeline.component.metrics import higher_is_better

KEY_NUMBERS = 4
TEMPLATE = Path(__file__).with_name("page.html")


def page(scored: Scored, results: Results) -> str:
    """The whole page: key numbers, metrics, charts, slices."""
    with style():
        task = [_chart(chart) for chart in _task_charts(scored, results)]
        slices = [_slice(column, scores, results) for column, scores in results.slices.items()]
    fields = {
        "name": escape(scored.contract.name),
        "about": escape(about(results)),
        "cards": "".join(_cards(results)),
        "metrics": _metrics(results),
        "charts": "".join(task),
        "slices": f'<h2>By slice</h2><div class="slices">{"".join(slices)}</div>' if slices else "",
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in fields.items():
        text = text.replace(f"<!--{name}-->", value)
    return text


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
        span = interval(measured.low, measured.high)
        yield (
            f'<div class="card"><span>{escape(words(name))}</span><strong>{number(measured.value)}</strong>'
            f"<small>{span}</small></div>"
        )


def _metrics(results: Results) -> str:
    rows = [
        (words(name), number(m.value), interval(m.low, m.high), "higher" if higher_is_better(name) else "lower")
        for name, m in results.metrics.items()
    ]
    return _table(("Metric", "Value", "95 % interval", "Better"), rows)


def _slice(column: str, scores: dict[str, SliceScores], results: Results) -> str:
    names = list(results.metrics)
    rows = [(value, f"{int(s['rows']):,}", *(number(s[name]) for name in names)) for value, s in scores.items()]
    table = _table((column, "Rows", *map(words, names)), rows)
    chart = _chart(charts.by_slice(column, scores, results))
    return (
        f'<div class="slice">{chart}<details><summary>Every metric by {escape(column)}</summary>{table}</details></div>'
    )


def _chart(chart: Chart) -> str:
    picture = svg(chart.figure, escape(chart.title))
    return f"<figure><h3>{escape(chart.title)}</h3>{picture}<figcaption>{escape(chart.note)}</figcaption></figure>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
