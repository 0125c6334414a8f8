"""Charts of one task.

Classification: ROC, precision and recall, calibration, distribution of the probabilities, and the confusion matrix.
Regression: predicted against true values, and residuals.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from sklearn.metrics import confusion_matrix

from slipway.statistics.weighted_metrics import BINS
from slipway.steps.evaluate.chart_style import (
    ALL_SERIES,
    FIRST_SERIES,
    INK,
    MUTED,
    SECOND_SERIES,
    cut_to_width,
    make_axes,
)
from slipway.steps.evaluate.charts import Chart, limit_dates
from slipway.steps.evaluate.holdout_predictions import ScoredHoldout

MOST_CLASSES = 12
CURVE_POINTS, ROWS_SHOWN = 200, 1_000

Hits = npt.NDArray[np.bool_]
Curve = tuple[str, npt.NDArray[np.float64], Hits]


def draw_task_charts(scored: ScoredHoldout) -> list[Chart | None]:
    """Draw the charts of the contract's task, in the order of the page."""
    if scored.contract.task == "regression":
        return [_prediction_scatter(scored), _residuals(scored), _residuals_over_time(scored)]
    return [_roc(scored), _precision_recall(scored), _calibration(scored), _distribution(scored), _confusion(scored)]


def _roc(scored: ScoredHoldout) -> Chart:
    """Draw the ROC curve: true against false positive rate as the threshold falls."""
    figure, axes = make_axes("False positive rate", "True positive rate")
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
    for color, (label, p, hits) in zip(ALL_SERIES, _one_vs_rest(scored), strict=False):
        true, false = _cumulative_counts(p, hits)
        _draw_curve(axes, false / max(1, false[-1]), true / max(1, true[-1]), color, label)
    if len(scored.contract.classes) > 2:
        axes.legend(loc="lower right", labelcolor=INK)
    return Chart("ROC curve", "Dashed line: random guessing." + _classes_note(scored), figure)


def _precision_recall(scored: ScoredHoldout) -> Chart:
    """Draw precision against recall as the threshold falls."""
    figure, axes = make_axes("Recall", "Precision")
    for color, (label, p, hits) in zip(ALL_SERIES, _one_vs_rest(scored), strict=False):
        true, false = _cumulative_counts(p, hits)
        precision = true[1:] / (true[1:] + false[1:])
        _draw_curve(axes, true[1:] / max(1, true[-1]), precision, color, label)
        axes.axhline(hits.mean(), color=color, linewidth=1, linestyle="--")
    axes.set_ylim(0, 1.03)
    if len(scored.contract.classes) > 2:
        axes.legend(loc="upper right", labelcolor=INK)
    return Chart("Precision and recall", "Dashed line: share of the class." + _classes_note(scored), figure)


def _confusion(scored: ScoredHoldout) -> Chart:
    """Draw the confusion matrix: predicted classes for each true class, as shares of that class and as row counts."""
    counts = confusion_matrix(scored.labels, scored.predicted_labels, labels=scored.contract.classes)
    sizes = counts.sum(axis=1)
    largest = np.argsort(-sizes, kind="stable")[:MOST_CLASSES] if _has_many_classes(scored) else np.arange(len(sizes))
    classes = [scored.contract.classes[number] for number in largest]
    figure, axes = make_axes("Predicted", "True", height=max(3.2, 0.5 + 0.3 * len(classes)), left=0.22)
    for (row, column), count in np.ndenumerate(counts[np.ix_(largest, largest)]):
        share = count / max(1, sizes[largest[row]])
        axes.add_patch(Rectangle((column, row), 0.97, 0.95, facecolor=FIRST_SERIES, alpha=0.06 + 0.5 * share))
        text = f"{share:.0%}\n{count:,}" if len(classes) <= 5 else f"{count:,}"
        axes.text(column + 0.485, row + 0.475, text, ha="center", va="center", color=INK, fontsize=9)
    middles = np.arange(len(classes)) + 0.485
    axes.set(xlim=(0, len(classes)), ylim=(len(classes), 0))
    axes.set_xticks(middles, [cut_to_width(label, 8) for label in classes])
    axes.set_yticks(middles, [cut_to_width(label, 14) for label in classes])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    cut = f" The {MOST_CLASSES} largest classes are shown." if _has_many_classes(scored) else ""
    return Chart(
        "Confusion matrix", f"Each row is a true class; the predicted class is the most probable one.{cut}", figure
    )


def _calibration(scored: ScoredHoldout) -> Chart:
    """Draw predicted probability against observed frequency, in at most ten bins with equally many rows."""
    probability, hits = _probability_and_hits(scored)
    bins = np.array_split(np.argsort(probability, kind="stable"), min(BINS, len(probability)))
    predicted, observed = [probability[b].mean() for b in bins], [hits[b].mean() for b in bins]
    figure, axes = make_axes("Predicted probability", "Observed frequency")
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
    axes.plot(predicted, observed, color=FIRST_SERIES, marker="o", markersize=5)
    top = "" if len(scored.contract.classes) == 2 else " Probability of the predicted class."
    return Chart("Calibration", f"Dashed line: perfect calibration.{top}", figure)


def _distribution(scored: ScoredHoldout) -> Chart:
    """Draw the distribution of the predicted probabilities, for rows of the class and for the other rows."""
    probability, hits = _probability_and_hits(scored)
    binary = len(scored.contract.classes) == 2
    names = tuple(f"true: {label}" for label in scored.contract.classes) if binary else ("incorrect", "correct")
    figure, axes = make_axes("Predicted probability", "Share of rows")
    edges = np.linspace(0, 1, 41)
    for color, name, chosen in ((FIRST_SERIES, names[0], ~hits), (SECOND_SERIES, names[1], hits)):
        heights = np.histogram(probability[chosen], edges)[0] / max(1, chosen.sum())
        axes.stairs(heights, edges, fill=True, color=color, alpha=0.25)
        axes.stairs(heights, edges, color=color, label=name, linewidth=1.5)
    axes.set_ylim(bottom=0)
    axes.legend(labelcolor=INK)
    subject = f"'{scored.contract.classes[-1]}'" if binary else "the predicted class"
    return Chart("Predicted probabilities", f"Probability of {subject}; each group adds up to one.", figure)


def _prediction_scatter(scored: ScoredHoldout) -> Chart:
    """Draw each row's prediction against its true value; of many rows, an evenly spaced sample."""
    chosen = _spread_evenly(len(scored.labels), ROWS_SHOWN)
    truth, predictions = scored.labels[chosen], scored.predictions[chosen]
    ends = [min(truth.min(), predictions.min()), max(truth.max(), predictions.max())]
    figure, axes = make_axes("True value", "Predicted", left=0.17)
    axes.plot(ends, ends, color=MUTED, linewidth=1, linestyle="--")
    axes.plot(truth, predictions, "o", color=FIRST_SERIES, markersize=3, alpha=0.35, markeredgewidth=0)
    cut = (
        f" Shown: {len(chosen):,} of {len(scored.labels):,} rows, evenly spaced."
        if len(chosen) < len(scored.labels)
        else ""
    )
    return Chart("Predicted and true values", f"Dashed line: perfect predictions.{cut}", figure)


def _residuals(scored: ScoredHoldout) -> Chart:
    """Draw the distribution of the residuals without the outer one percent, which would hide the middle."""
    residuals = scored.predictions - scored.labels
    low, high = np.percentile(residuals, (0.5, 99.5))
    heights, edges = np.histogram(residuals[(residuals >= low) & (residuals <= high)], bins=40)
    figure, axes = make_axes("Prediction minus true value", "Rows", left=0.17)
    axes.stairs(heights, edges, fill=True, color=FIRST_SERIES, alpha=0.3)
    axes.stairs(heights, edges, color=FIRST_SERIES, linewidth=1.5)
    axes.axvline(0, color=MUTED, linewidth=1, linestyle="--")
    axes.set_ylim(bottom=0)
    return Chart("Residuals", "The middle 99 % of the rows.", figure)


def _residuals_over_time(scored: ScoredHoldout) -> Chart | None:
    """Draw the median and spread of each day's residuals; return None without a time column or with only one day."""
    if scored.time is None:
        return None
    residuals = pd.Series(scored.predictions - scored.labels)
    groups = residuals.groupby(scored.time.dt.tz_localize(None).dt.normalize().to_numpy())
    low, middle, high = (groups.quantile(q) for q in (0.1, 0.5, 0.9))
    if len(middle) < 2:
        return None
    days = middle.index.to_numpy()
    figure, axes = make_axes("", "Prediction minus true value", left=0.17)
    axes.fill_between(days, low.to_numpy(), high.to_numpy(), color=FIRST_SERIES, alpha=0.2, linewidth=0)
    axes.plot(days, middle.to_numpy(), color=FIRST_SERIES)
    axes.axhline(0, color=MUTED, linewidth=1, linestyle="--")
    limit_dates(axes)
    return Chart("Residuals by day", f"Median and middle 80 % of each of {len(days):,} days.", figure)


def _one_vs_rest(scored: ScoredHoldout) -> Iterator[Curve]:
    classes = scored.contract.classes
    for number in [1] if len(classes) == 2 else range(len(classes)):
        yield classes[number], scored.predictions[:, number], scored.labels == classes[number]


def _probability_and_hits(scored: ScoredHoldout) -> tuple[npt.NDArray[np.float64], Hits]:
    """Return a probability for each row and whether the event happened.

    With two classes, the event is the second class; with more, it is that the predicted class is correct.
    """
    if len(scored.contract.classes) == 2:
        return scored.predictions[:, 1], scored.labels == scored.contract.classes[1]
    return scored.predictions.max(axis=1), scored.predicted_labels == scored.labels


def _cumulative_counts(p: npt.NDArray[np.float64], hits: Hits) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count true and false positives at each threshold, starting at zero; equal scores share one threshold."""
    order = np.argsort(-p, kind="stable")
    last = np.flatnonzero(np.diff(p[order], append=np.nan) != 0)
    true, false = np.cumsum(hits[order])[last], np.cumsum(~hits[order])[last]
    return np.concatenate([[0], true]), np.concatenate([[0], false])


def _draw_curve(axes: Axes, x: npt.NDArray[Any], y: npt.NDArray[Any], color: str, label: str) -> None:
    chosen = _spread_evenly(len(x), CURVE_POINTS)
    axes.plot(x[chosen], y[chosen], color=color, label=label)


def _spread_evenly(size: int, most: int) -> npt.NDArray[np.int64]:
    """Return at most ``most`` positions, evenly spaced, with the first and the last: more points cannot be seen."""
    return np.unique(np.linspace(0, size - 1, most).astype(int))


def _has_many_classes(scored: ScoredHoldout) -> bool:
    return len(scored.contract.classes) > MOST_CLASSES


def _classes_note(scored: ScoredHoldout) -> str:
    classes = scored.contract.classes
    if len(classes) == 2:
        return f" The positive class is '{classes[-1]}'."
    return (
        f" Shown: the first {len(ALL_SERIES)} classes, each against the rest." if len(classes) > len(ALL_SERIES) else ""
    )
