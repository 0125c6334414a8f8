"""Cuts the rows into windows of days and holds each against the reference; the rule says whether that is drift."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from slipway.drift.bin_counts import Tally
from slipway.drift.permutation_test import chances, fewest_blocks, rounds_for
from slipway.drift.result import Bin, Finding, Window
from slipway.errors import DataError
from slipway.statistics.divergence import Counts, stability_index, total_variation, transport
from slipway.statistics.reference import Described


class Bar(NamedTuple):
    """When a column counts as drifted: chance explains it no more often than this, and it is at least so large."""

    false_alarm_rate: float
    minimum_effect: float


class Rule(NamedTuple):
    """Drift is when the newest window drifted, and at least ``k`` of the newest ``n`` with it."""

    k: int
    n: int
    days: int

    def holds(self, windows: Sequence[Window]) -> bool:
        """Whether these windows, newest first, are drift."""
        return bool(windows[0].moved) and sum(bool(window.moved) for window in windows) >= self.k


def whole(tally: Tally, bar: Bar) -> Window:
    """All rows as one window.

    Raises:
        DataError: they are in too few blocks for the rate.
    """
    return _judgeable(_window(tally, tally.blocks, bar))


def newest(tally: Tally, bar: Bar, rule: Rule) -> list[Window]:
    """The newest windows, counted back from the last day; those before the first row are left out.

    Raises:
        DataError: the newest one has too few blocks for the rate.
    """
    blocks, days = tally.blocks, tally.days
    ages = ((days[-1] - days) // np.timedelta64(rule.days, "D")).astype(np.int64)
    chosen = [[block for block, age in zip(blocks, ages, strict=True) if age == n] for n in range(rule.n)]
    windows = [_window(tally, some, bar) for some in chosen if some]
    _judgeable(windows[0])
    return windows


def _judgeable(window: Window) -> Window:
    if window.unjudged:
        raise DataError(f"nothing can be said about the rows from {window.since} to {window.until}: {window.unjudged}")
    return window


def _window(tally: Tally, blocks: Sequence[int], bar: Bar) -> Window:
    days = tally.days[np.isin(tally.blocks, blocks)]
    since, until = (str(days[0]), str(days[-1])) if tally.dated else ("", "")
    rows = sum(tally.block_rows[block] for block in blocks)
    why = _too_few(tally, len(blocks), bar)
    return Window(since, until, rows, len(blocks), () if why else _findings(tally, blocks, bar), why)


def _too_few(tally: Tally, blocks: int, bar: Bar) -> str:
    reference = tally.reference
    if reference.block == "row":
        return ""
    here, unit = len(reference.blocks), reference.block
    fewest = fewest_blocks(here, bar.false_alarm_rate)
    if fewest is None:
        return (
            f"the reference has {here} blocks of a {unit}, too few for a false-alarm rate of {bar.false_alarm_rate:g}"
        )
    if blocks < fewest:
        rate = f"a false-alarm rate of {bar.false_alarm_rate:g} beside the reference's {here}"
        return f"they are {blocks} blocks of a {unit}, and {rate} needs at least {fewest}"
    return ""


def _findings(tally: Tally, blocks: Sequence[int], bar: Bar) -> tuple[Finding, ...]:
    kinds, by_block = tally.reference.columns, tally.reference.block != "row"
    counted = {name: tally.counts(name, blocks) for name in tally.columns}
    tables = {name: (np.array(kinds[name].counts), counts) for name, counts in counted.items()}
    chance = chances(tables, by_block=by_block, rounds=rounds_for(len(tables), bar.false_alarm_rate))
    return tuple(
        _finding(name, kinds[name], tables[name][0].sum(axis=0), counts.sum(axis=0), chance[name], bar)
        for name, counts in counted.items()
    )


def _finding(name: str, kind: Described, before: Counts, now: Counts, chance: float, bar: Bar) -> Finding:
    first, second = before / max(1, before.sum()), now / max(1, now.sum())
    effect = float(stability_index(before, now))
    return Finding(
        column=name,
        prediction=kind.prediction,
        stability_index=effect,
        total_variation=total_variation(before, now),
        transport=transport(before, now, kind),
        chance=chance,
        drifted=chance <= bar.false_alarm_rate and effect >= bar.minimum_effect,
        nulls_before=float(first[kind.null]),
        nulls=float(second[kind.null]),
        strangers=float(second[-1]),
        bins=tuple(Bin(*told) for told in zip(_names(kind), first.tolist(), second.tolist(), strict=True)),
    )


def _names(kind: Described) -> list[str]:
    if kind.values is not None:
        return [*kind.values, "others", "null", "strangers"]
    ends = [f"{edge:.4g}" for edge in kind.edges]
    inner = [f"{low} to {high}" for low, high in itertools.pairwise(ends)]
    bins = [f"below {ends[0]}", *inner, f"above {ends[-1]}"] if ends else ["any"]
    return [*bins, "null", "strangers"]
