"""Medians of what was measured, and how they compare."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

Figures = Mapping[str, float]


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure over all rounds."""
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def more_is_better(name: str) -> bool:
    """Rates are to be high; delays, starts and sizes low."""
    return "/s" in name


def best(several: list[Figures]) -> dict[str, float]:
    """For each figure the better one."""
    return {name: (max if more_is_better(name) else min)(each[name] for each in several) for name in several[0]}


def ratio(name: str, ours: float, theirs: float) -> float:
    """How many times better ours is."""
    better, worse = (ours, theirs) if more_is_better(name) else (theirs, ours)
    return better / worse if worse else float("inf")


def show(ours: Figures, others: Mapping[str, Figures]) -> None:
    """A table on stdout: ours, the others, and how many times better ours is than the best of them."""
    table = Table("", "slipway", *others, "ratio")
    reference = best(list(others.values())) if others else {}
    for name, value in ours.items():
        told = [number(each[name]) for each in others.values()]
        times = f"{ratio(name, value, reference[name]):.1f}x" if reference else ""
        table.add_row(name, number(value), *told, times)
    Console(width=120).print(table)


def number(value: float) -> str:
    """Three digits that matter, and no more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
