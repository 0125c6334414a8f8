"""Cuts the rows into windows of days and holds each against the reference; the rule says whether that is drift."""

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
    """When a column counts as drifted: chance explains it no more often than this, and it is at least so large."""

    false_alarm_rate: float
    minimum_effect: float


@dataclass(frozen=True, slots=True)
class WindowRule:
    """Drift is when the newest window drifted, and at least ``k`` of the newest ``n`` with it."""

    k: int
    n: int
    days: int

    def is_drift(self, windows: Sequence[Window]) -> bool:
        """Whether these windows, newest first, are drift."""
        return bool(windows[0].drifted_columns) and sum(bool(window.drifted_columns) for window in windows) >= self.k


def single_window(tally: BinCounts, threshold: Threshold) -> Window:
    """All rows as one window.

    Raises:
        DataError: they are in too few blocks for the rate.
    """
    return _require_judged(_window(tally, tally.blocks, threshold))


def newest_windows(tally: BinCounts, threshold: Threshold, rule: WindowRule) -> list[Window]:
    """The newest windows, counted back from the last day; those before the first row are left out.

    Raises:
        DataError: the newest one has too few blocks for the rate.
    """
    blocks, days = tally.blocks, tally.days
    ages = ((days[-1] - days) // np.timedelta64(rule.days, "D")).astype(np.int64)
    chosen = [[block for block, age in zip(blocks, ages, strict=True) if age == n] for n in range(rule.n)]
    windows = [_window(tally, some, threshold) for some in chosen if some]
    _require_judged(windows[0])
    return windows


def _require_judged(window: Window) -> Window:
    if window.unjudged:
        raise DataError(f"nothing can be said about the rows from {window.since} to {window.until}: {window.unjudged}")
    return window


def _window(tally: BinCounts, blocks: Sequence[int], threshold: Threshold) -> Window:
    days = tally.days[np.isin(tally.blocks, blocks)]
    since, until = (str(days[0]), str(days[-1])) if tally.dated else ("", "")
    rows = sum(tally.block_rows[block] for block in blocks)
    why = _unjudged_reason(tally, len(blocks), threshold)
    return Window(since, until, rows, len(blocks), () if why else _column_drifts(tally, blocks, threshold), why)


def _unjudged_reason(tally: BinCounts, blocks: int, threshold: Threshold) -> str:
    reference = tally.reference
    if reference.block == "row":
        return ""
    here, unit = len(reference.blocks), reference.block
    fewest = min_blocks(here, threshold.false_alarm_rate)
    rate = f"{threshold.false_alarm_rate:g}"
    if fewest is None:
        return f"the reference has {here} blocks of a {unit}, too few for a false-alarm rate of {rate}"
    if blocks < fewest:
        needs = f"a false-alarm rate of {rate} beside the reference's {here} needs at least {fewest}"
        return f"they are {blocks} blocks of a {unit}, and {needs}"
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
        bins=tuple(Bin(*told) for told in zip(_bin_names(profile), first.tolist(), second.tolist(), strict=True)),
    )


def _bin_names(profile: ColumnProfile) -> list[str]:
    if profile.values is not None:
        return [*profile.values, "others", "null", "strangers"]
    ends = [f"{edge:.4g}" for edge in profile.edges]
    inner = [f"{low} to {high}" for low, high in itertools.pairwise(ends)]
    bins = [f"below {ends[0]}", *inner, f"above {ends[-1]}"] if ends else ["any"]
    return [*bins, "null", "strangers"]
