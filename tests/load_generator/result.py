"""What came of a load: how many answers of which kind, how late, and whether the generator kept up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

LAG = 0.005
"""Seconds from which on a request counts as noticed late: the generator, not the server, then made it wait."""
MOST_LATE = 0.01
"""The share of late requests from which on the result says more about the generator than about the server."""
PERCENTILES = (50.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one request ended: a status and what is wrong with the answer, or 0 and how it failed."""

    number: int
    sent: float
    ended: float
    status: int
    problem: str


@dataclass(frozen=True)
class Result:
    """Times are seconds of the monotonic clock, so they compare with those of other processes of this machine."""

    due: list[float]
    noticed: list[float]
    outcomes: list[Outcome]
    processor_seconds: float

    @property
    def sent(self) -> int:
        return len(self.due)

    @cached_property
    def by_status(self) -> Counter[int]:
        """How many answers had each status."""
        return Counter(outcome.status for outcome in self.outcomes if outcome.status)

    @cached_property
    def problems(self) -> Counter[str]:
        """How many requests failed in each way, wrong answers among them; refusals by a status are not."""
        return Counter(outcome.problem for outcome in self.outcomes if outcome.problem)

    @cached_property
    def failed(self) -> list[Outcome]:
        """The requests that got no whole answer."""
        return [outcome for outcome in self.outcomes if not outcome.status]

    @cached_property
    def latencies(self) -> npt.NDArray[np.float64]:
        """Seconds from the scheduled arrival to the whole answer, for each 200."""
        return np.array([o.ended - self.due[o.number] for o in self.outcomes if o.status == 200], dtype=np.float64)

    def percentile(self, percent: float) -> float:
        """A percentile of the latencies, in seconds; NaN without any answer."""
        return float(np.percentile(self.latencies, percent)) if len(self.latencies) else float("nan")

    @cached_property
    def goodput(self) -> float:
        """Right answers a second, until the last one of all."""
        ends = [outcome.ended for outcome in self.outcomes if outcome.status]
        good = sum(outcome.status == 200 and not outcome.problem for outcome in self.outcomes)
        return good / (max(ends) - self.due[0]) if good else 0.0

    @cached_property
    def late(self) -> int:
        """How many requests the generator itself noticed too late."""
        return sum(noticed - due > LAG for due, noticed in zip(self.due, self.noticed, strict=True))

    @property
    def is_valid(self) -> bool:
        """Did the generator keep up?"""
        return self.late <= MOST_LATE * self.sent

    def summary(self) -> dict[str, Any]:
        """The figures as JSON takes them, latencies in milliseconds."""
        return {
            "sent": self.sent,
            "by_status": dict(self.by_status),
            "problems": dict(self.problems),
            "goodput": round(self.goodput, 1),
            "milliseconds": {f"p{percent:g}": round(self.percentile(percent) * 1e3, 3) for percent in PERCENTILES},
            "late": self.late,
            "valid": self.is_valid,
            "processor_seconds": round(self.processor_seconds, 2),
        }
