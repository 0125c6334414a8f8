"""Split the rows into windows of days, compare each with the reference, and decide by a rule over the windows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slipway.drift.bin_counts import BinCounts
from slipway.drift.permutation_test import min_blocks, p_values, rounds_for
from slipway.drift.result import Bin, ColumnDrift, Window
from slipway.errors import DataError
from slipway.statistics.divergence import Counts, stability_index, total_variation, wasserstein_distance
from slipway.statistics.reference import ColumnProfile


@dataclass(frozen=True, slots=True)
class Threshold:
    """When a column counts as drifted: a p-value of at most ``false_alarm_rate`` and at least ``minimum_effect``."""

    false_alarm_rate: float
    minimum_effect: float


@dataclass(frozen=True, slots=True)
class WindowRule:
    """Drift means that the newest window drifted, and at least ``k`` of the newest ``n`` windows."""

    k: int
    n: int
    days: int

    def is_drift(self, windows: Sequence[Window]) -> bool:
        """Return whether these windows, newest first, are drift."""
        return bool(windows[0].drifted_columns) and sum(bool(window.drifted_columns) for window in windows) >= self.k


def single_window(tally: BinCounts, threshold: Threshold) -> Window:
    """Compare all rows as one window.

    Raises:
        DataError: the rows are in too few blocks for the false-alarm rate.
    """
    return _require_judged(_window(tally, tally.blocks, threshold))


def newest_windows(tally: BinCounts, threshold: Threshold, rule: WindowRule) -> list[Window]:
    """Compare the newest windows, counted back from the last day; those before the first row are left out.

    Raises:
        DataError: the newest window has too few blocks for the false-alarm rate.
    """
    blocks, days = tally.blocks, tally.days
    ages = ((days[-1] - days) // np.timedelta64(rule.days, "D")).astype(np.int64)
    chosen = [[block for block, age in zip(blocks, ages, strict=True) if age == n] for n in range(rule.n)]
    windows = [_window(tally, members, threshold) for members in chosen if members]
    _require_judged(windows[0])
    return windows


def _require_judged(window: Window) -> Window:
    if window.unjudged:
        raise DataError(f"the rows from {window.since} to {window.until} cannot be compared: {window.unjudged}")
    return window


def _window(tally: BinCounts, blocks: Sequence[int], threshold: Threshold) -> Window:
    days = tally.days[np.isin(tally.blocks, blocks)]
    since, until = (str(days[0]), str(days[-1])) if tally.dated else ("", "")
    rows = sum(tally.block_rows[block] for block in blocks)
    reason = _unjudged_reason(tally, len(blocks), threshold)
    return Window(since, until, rows, len(blocks), () if reason else _column_drifts(tally, blocks, threshold), reason)


def _unjudged_reason(tally: BinCounts, blocks: int, threshold: Threshold) -> str:
    reference = tally.reference
    if reference.block == "row":
        return ""
    own, unit = len(reference.blocks), reference.block
    required = min_blocks(own, threshold.false_alarm_rate)
    rate = f"{threshold.false_alarm_rate:g}"
    if required is None:
        return f"the reference has {own} blocks of a {unit}, too few for a false-alarm rate of {rate}"
    if blocks < required:
        return (
            f"{blocks} blocks of a {unit} are too few; a false-alarm rate of {rate} with {own} blocks in the reference "
            f"needs at least {required}"
        )
    return ""


def _column_drifts(tally: BinCounts, blocks: Sequence[int], threshold: Threshold) -> tuple[ColumnDrift, ...]:
    kinds, by_block = tally.reference.columns, tally.reference.block != "row"
    counted = {name: tally.counts(name, blocks) for name in tally.columns}
    tables = {name: (np.array(kinds[name].counts), counts) for name, counts in counted.items()}
    chance = p_values(tables, by_block=by_block, rounds=rounds_for(len(tables), threshold.false_alarm_rate))
    return tuple(
        _column_drift(name, kinds[name], tables[name][0].sum(axis=0), counts.sum(axis=0), chance[name], threshold)
        for name, counts in counted.items()
    )


def _column_drift(
    name: str, profile: ColumnProfile, before: Counts, now: Counts, p_value: float, threshold: Threshold
) -> ColumnDrift:
    first, second = before / max(1, before.sum()), now / max(1, now.sum())
    effect = float(stability_index(before, now))
    return ColumnDrift(
        column=name,
        prediction=profile.prediction,
        stability_index=effect,
        total_variation=total_variation(before, now),
        transport=wasserstein_distance(before, now, profile),
        chance=p_value,
        drifted=p_value <= threshold.false_alarm_rate and effect >= threshold.minimum_effect,
        nulls_before=float(first[profile.null]),
        nulls=float(second[profile.null]),
        strangers=float(second[-1]),
        bins=tuple(Bin(*values) for values in zip(_bin_names(profile), first.tolist(), second.tolist(), strict=True)),
    )


def _bin_names(profile: ColumnProfile) -> list[str]:
    if profile.values is not None:
        return [*profile.values, "other", "null", "unseen"]
    ends = [f"{edge:.4g}" for edge in profile.edges]
    inner = [f"{low} to {high}" for low, high in itertools.pairwise(ends)]
    bins = [f"below {ends[0]}", *inner, f"above {ends[-1]}"] if ends else ["any"]
    return [*bins, "null", "unseen"]
