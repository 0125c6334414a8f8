"""How far a job is: rows and rows a second, and where the input tells its size, the share done and the time left."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from slipway.batch.engine import Progress
from slipway.batch.plan import Plan
from slipway.tables.chunks import Place
from slipway.tables.readers import rows_of


class Sign(NamedTuple):
    """One sign of life; ``total`` is None where no file says how many rows it has, as no text does."""

    rows: int
    total: int | None
    rate: float
    """Rows a second of this run."""

    @property
    def left(self) -> float | None:
        """Seconds that are left, if they can be known."""
        return None if self.total is None or self.rate == 0 else (self.total - self.rows) / self.rate

    def __str__(self) -> str:
        done = f"{self.rows:,} rows" if self.total is None else f"{self.rows:,} of {self.total:,} rows"
        left = "" if self.left is None else f", {_clock(self.left)} left"
        return f"{done}, {self.rate:,.0f} rows/s{left}"


def signs(show: Callable[[Sign], None]) -> Callable[[Plan], Progress]:
    """Report to ``show`` after each unit. The rate leaves out what an earlier run finished."""

    def of(plan: Plan) -> Progress:
        counts = [rows_of(file) for file in plan.inputs]
        total = None if None in counts else sum(count or 0 for count in counts)
        began, before = time.monotonic(), [-1]

        def tell(rows: int, place: Place) -> None:
            if before[0] < 0:
                before[0] = rows - plan.options.unit
            seconds = max(time.monotonic() - began, 1e-9)
            show(Sign(rows, total, (rows - max(before[0], 0)) / seconds))

        return tell

    return of


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
