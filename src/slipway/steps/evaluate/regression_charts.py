"""Charts for regression: predictions beside the truth, and what is left over."""

from __future__ import annotations

import numpy as np
import pandas as pd

from slipway.steps.evaluate.chart_style import FIRST, MUTED, canvas
from slipway.steps.evaluate.charts import Chart, few_dates
from slipway.steps.evaluate.scored_holdout import Scored

POINTS = 1_000


def predicted_and_actual(scored: Scored) -> Chart:
    """Each row's prediction over its true value, thinned evenly where there are many."""
    chosen = np.unique(np.linspace(0, len(scored.truth) - 1, POINTS).astype(int))
    truth, predictions = scored.truth[chosen], scored.predictions[chosen]
    ends = [min(truth.min(), predictions.min()), max(truth.max(), predictions.max())]
    figure, axes = canvas("True value", "Predicted", left=0.17)
    axes.plot(ends, ends, color=MUTED, linewidth=1, linestyle="--")
    axes.plot(truth, predictions, "o", color=FIRST, markersize=3, alpha=0.35, markeredgewidth=0)
    cut = f" {len(chosen):,} of {len(scored.truth):,} rows, evenly spaced." if len(chosen) < len(scored.truth) else ""
    return Chart("Predicted and true", f"Dashed: a perfect prediction.{cut}", figure)


def residuals(scored: Scored) -> Chart:
    """How the residuals spread; the outer one per cent is left out, so that the middle can be seen."""
    left = scored.predictions - scored.truth
    low, high = np.percentile(left, (0.5, 99.5))
    heights, edges = np.histogram(left[(left >= low) & (left <= high)], bins=40)
    figure, axes = canvas("Prediction minus true value", "Rows", left=0.17)
    axes.stairs(heights, edges, fill=True, color=FIRST, alpha=0.3)
    axes.stairs(heights, edges, color=FIRST, linewidth=1.5)
    axes.axvline(0, color=MUTED, linewidth=1, linestyle="--")
    axes.set_ylim(bottom=0)
    return Chart("Residuals", "The middle 99 % of the rows.", figure)


def residuals_over_time(scored: Scored) -> Chart | None:
    """The middle and the spread of each day's residuals; None without a time column or with a single day."""
    if scored.time is None:
        return None
    left = pd.Series(scored.predictions - scored.truth)
    groups = left.groupby(scored.time.dt.tz_localize(None).dt.normalize().to_numpy())
    low, middle, high = (groups.quantile(q) for q in (0.1, 0.5, 0.9))
    if len(middle) < 2:
        return None
    days = middle.index.to_numpy()
    figure, axes = canvas("", "Prediction minus true value", left=0.17)
    axes.fill_between(days, low.to_numpy(), high.to_numpy(), color=FIRST, alpha=0.2, linewidth=0)
    axes.plot(days, middle.to_numpy(), color=FIRST)
    axes.axhline(0, color=MUTED, linewidth=1, linestyle="--")
    few_dates(axes)
    return Chart("Residuals by day", f"Median, and the middle 80 %, on {len(days):,} days.", figure)
