"""Report the progress of a job: rows, rows per second and, if the input's size is known, the time left."""

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
    """One progress report; ``total`` is None if a file does not record its number of rows, as with CSV and JSON."""

    rows: int
    total: int | None
    rate: float
    """Rows per second of this run."""

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds until the end, or None if the total is unknown."""
        return None if self.total is None or self.rate == 0 else (self.total - self.rows) / self.rate

    def __str__(self) -> str:
        done = f"{self.rows:,} rows" if self.total is None else f"{self.rows:,} of {self.total:,} rows"
        left = "" if self.seconds_left is None else f", {_format_seconds(self.seconds_left)} left"
        return f"{done}, {self.rate:,.0f} rows/s{left}"


def progress_reporter(show: Callable[[ProgressUpdate], None]) -> Callable[[Plan], ProgressCallback]:
    """Return a callback that reports to ``show`` after each unit. The rate excludes rows that an earlier run finished."""

    def start(plan: Plan) -> ProgressCallback:
        counts = [row_count(file) for file in plan.inputs]
        total = None if None in counts else sum(count or 0 for count in counts)
        began, before = time.monotonic(), [-1]

        def update(rows: int, position: InputPosition) -> None:
            if before[0] < 0:
                before[0] = rows - plan.options.unit
            seconds = max(time.monotonic() - began, 1e-9)
            show(ProgressUpdate(rows, total, (rows - max(before[0], 0)) / seconds))

        return update

    return start


def _format_seconds(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
