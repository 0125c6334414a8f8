"""An open loop: requests arrive at random whether or not earlier ones were answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.load_generator.apart import begun, result_of
from tests.load_generator.load import Load
from tests.load_generator.result import Result

IN_TIME = 0.05
_STEPS = 6
_LEAST_ARRIVALS = 300
_LONGEST = 6.0
"""Seconds that one rate may take, however few requests then arrive."""


def knee(load: Load, top: float, tell: Callable[[str], None]) -> float:
    """The highest rate at which p99 is in time and nothing fails, to within 2 % of ``top``; 0 if there is none.

    A rate that the generator itself cannot keep counts as too high.
    """
    low, high = 0.0, top
    for step in range(_STEPS):
        rate = (low + high) / 2
        seconds = min(max(load.seconds, _LEAST_ARRIVALS / rate), _LONGEST)
        result = result_of(replace(load, rate=rate, seconds=seconds, seed=step, patience=1.0))
        low, high = (rate, high) if is_in_time(result) else (low, rate)
        tell(f"open loop at {rate:.0f}/s: p99 {result.percentile(99) * 1e3:.1f} ms, {said(result)}")
    return low


def is_in_time(result: Result) -> bool:
    """Did every request get a right answer, nearly all of them in time?"""
    whole = set(result.by_status) == {200} and not result.problems and result.is_valid
    return whole and result.percentile(99) < IN_TIME


def said(result: Result) -> str:
    """How the requests ended, and whether to believe it."""
    ends = [*result.by_status.items(), *result.problems.items()]
    told = ", ".join(f"{count} x {end}" for end, count in ends)
    return told if result.is_valid else f"{told}; the generator fell behind"


def beside_large(small: Load, large: Load) -> dict[str, float]:
    """What small requests wait while one client sends large ones back to back, and what they wait without."""
    alone = result_of(small)
    with begun(large) as sending:
        beside = result_of(small)
        sent = sending.result()
    for result in (alone, beside, sent):
        if result.problems:
            raise SystemExit(f"not every answer was right: {said(result)}")
    found = {"rows/s of the large ones": sent.goodput * 10_000}
    for name, result in (("alone", alone), ("beside", beside)):
        found |= {f"{name}, p{p:g} ms": result.percentile(p) * 1e3 for p in (50, 99)}
    return found
