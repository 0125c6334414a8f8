"""How far a job is: rows and rows a second, and where the input tells its size, the share done and the time left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from slipway.batch.engine import ProgressCallback
from slipway.batch.plan import Plan
from slipway.tables.chunks import InputPosition
from slipway.tables.readers import row_count


@dataclass(frozen=True, slots=True)
class ProgressUpdate:
    """One sign of life; ``total`` is None where no file says how many rows it has, as no text does."""

    rows: int
    total: int | None
    rate: float
    """Rows a second of this run."""

    @property
    def seconds_left(self) -> float | None:
        """Seconds that are left, if they can be known."""
        return None if self.total is None or self.rate == 0 else (self.total - self.rows) / self.rate

    def __str__(self) -> str:
        done = f"{self.rows:,} rows" if self.total is None else f"{self.rows:,} of {self.total:,} rows"
        left = "" if self.seconds_left is None else f", {_format_seconds(self.seconds_left)} left"
        return f"{done}, {self.rate:,.0f} rows/s{left}"


def progress_reporter(show: Callable[[ProgressUpdate], None]) -> Callable[[Plan], ProgressCallback]:
    """Report to ``show`` after each unit. The rate leaves out what an earlier run finished."""

    def start(plan: Plan) -> ProgressCallback:
        counts = [row_count(file) for file in plan.inputs]
        total = None if None in counts else sum(count or 0 for count in counts)
        began, before = time.monotonic(), [-1]

        def update(rows: int, place: InputPosition) -> None:
            if before[0] < 0:
                before[0] = rows - plan.options.unit
            seconds = max(time.monotonic() - began, 1e-9)
            show(ProgressUpdate(rows, total, (rows - max(before[0], 0)) / seconds))

        return update

    return start


def _format_seconds(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
