"""Charts that every task has: the main metric over time, the main metric by slice, and permutation importance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from slipway.statistics.metrics import score_one
from slipway.statistics.time_blocks import blocks_of
from slipway.steps.evaluate.chart_style import (
    FIRST_SERIES,
    INK,
    MUTED,
    SECOND_SERIES,
    cut_to_width,
    make_axes,
    width_of,
)
from slipway.steps.evaluate.holdout_predictions import ScoredHoldout
from slipway.steps.evaluate.markdown_summary import format_number, metric_label
from slipway.steps.evaluate.metrics_with_intervals import Results, SliceScores

INPUTS_SHOWN = 20
LABEL_LENGTH = 22


@dataclass(frozen=True)
class Chart:
    """A figure with a title and one sentence on how to read it."""

    title: str
    note: str
    figure: Figure


def over_time_chart(scored: ScoredHoldout, results: Results) -> Chart | None:
    """Draw the main metric for each day; return None without a time column or with only one day."""
    if scored.time is None:
        return None
    days = blocks_of(scored.time, "day", len(scored.labels))
    dates = pd.Series(scored.time.dt.tz_localize(None).dt.normalize()).groupby(days).first()
    if len(dates) < 2:
        return None
    name = results.primary_metric
    gap = "" if not results.class_shares else " Gaps are days with only one class."
    rows = [days == day for day in dates.index]
    values = [score_one(scored.contract, scored.labels[day], scored.predictions[day], name) for day in rows]
    figure, axes = make_axes("", metric_label(name))
    axes.plot(dates.to_numpy(), values, color=FIRST_SERIES, marker="o", markersize=3, linewidth=1)
    axes.axhline(results.metrics[name].value, color=MUTED, linewidth=1, linestyle="--")
    limit_dates(axes)
    return Chart(f"{metric_label(name)} by day", f"Dashed line: the complete holdout.{gap}", figure)


def limit_dates(axes: Axes) -> None:
    """Show at most six dates below the axes, in the short form."""
    locator = AutoDateLocator(maxticks=6)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def slice_chart(column: str, scores: dict[str, SliceScores], results: Results) -> Chart:
    """Draw the main metric of each slice with its interval, next to that of the complete holdout."""
    name, places = results.primary_metric, np.arange(len(scores))
    labels = [f"{_shorten(value)}  ({int(s['rows']):,})" for value, s in scores.items()]
    figure, axes = _row_axes(metric_label(name), labels)
    values = np.array([s[name] for s in scores.values()])
    low, high = (np.array([s[end] for s in scores.values()]) for end in ("low", "high"))
    axes.hlines(places, low, high, color=FIRST_SERIES, linewidth=6, alpha=0.3)
    axes.plot(values, places, "o", color=FIRST_SERIES, markersize=6)
    axes.axvline(results.metrics[name].value, color=MUTED, linewidth=1, linestyle="--")
    left = results.left_out.get(column, 0)
    cut = f" The {len(scores)} largest of {len(scores) + left} values are shown." if left else ""
    note = f"Number of rows in parentheses. Bars: 95 % intervals. Dashed line: all rows.{cut}"
    return Chart(f"{metric_label(name)} by {column}", note, figure)


def importance_chart(results: Results) -> Chart | None:
    """Draw how much worse the main metric gets when an input is shuffled; return None if no loss is finite."""
    known = {name: loss for name, loss in results.importance.items() if np.isfinite(loss)}
    if not known:
        return None
    shown = dict(list(known.items())[:INPUTS_SHOWN])
    figure, axes = _row_axes(f"Loss in {metric_label(results.primary_metric)}", [_shorten(name) for name in shown])
    losses = np.array(list(shown.values()))
    axes.barh(range(len(shown)), losses, height=0.62, color=np.where(losses >= 0, FIRST_SERIES, SECOND_SERIES).tolist())
    axes.axvline(0, color=MUTED, linewidth=0.8)
    for place, loss in enumerate(losses):
        axes.annotate(
            format_number(loss),
            (max(loss, 0), place),
            (4, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=9,
        )
    axes.margins(x=0.12)
    left = f" The {len(shown)} most important of {len(known)} inputs are shown." if len(known) > len(shown) else ""
    return Chart("Permutation importance", f"Loss when the values of one input are shuffled.{left}", figure)


def _row_axes(x: str, labels: list[str]) -> tuple[Figure, Axes]:
    """Create axes with one labeled row for each value, the first on top."""
    longest = max(map(width_of, labels), default=0)
    figure, axes = make_axes(x, "", height=0.8 + 0.26 * max(3, len(labels)), left=min(0.5, 0.05 + 0.0155 * longest))
    axes.set_yticks(range(len(labels)), labels, color=INK)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    return figure, axes


def _shorten(text: str) -> str:
    return text if width_of(text) <= LABEL_LENGTH else cut_to_width(text, LABEL_LENGTH - 1) + "…"
