"""The driver: one Spark job for each part, many at once, and each part kept as soon as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any

from slipway.batch.engine import Progress
from slipway.batch.output.checkpoint import Record, Work
from slipway.batch.plan import Plan
from slipway.batch.spark.failures import said_plainly
from slipway.batch.spark.jobs import Jobs
from slipway.batch.spark.received import Told, keep, told_in
from slipway.batch.spark.session import session
from slipway.batch.spark.shipment import send
from slipway.batch.spark.task import Shipped, count_rows, make_parts
from slipway.errors import DataError
from slipway.inference.scorer import Scorer
from slipway.tables.readers import rows_of


@dataclass(frozen=True)
class SparkEngine:
    """The engine of many machines. ``patience`` are the seconds for which no executor at all is waited for."""

    master: str | None = None
    patience: float = 120.0

    @contextmanager
    def __call__(self, plan: Plan, scorer: Scorer) -> Iterator[_Started]:
        """Start Spark and send it the bundle and our code.

        Raises:
            SettingsError: the master's address is none.
            SparkError: pyspark or Java is missing, or the master cannot be reached.
        """
        with session(self.master) as spark:
            with said_plainly(self.master):
                archive = send(spark.sparkContext, scorer.bundle)
            yield _Started(Shipped(plan, archive), Jobs(spark, self.master, self.patience))


class _Started:
    """Makes the parts of one job on the executors of a session."""

    def __init__(self, shipped: Shipped, jobs: Jobs) -> None:
        self._shipped, self._jobs = shipped, jobs
        self._workers: dict[str, int] = {}

    def remaining_parts(self, work: Work, finished: list[Record], progress: Progress) -> Iterator[Record]:
        counts, rows = self._counts(), sum(record.rows_in for record in finished)
        full = self._shipped.plan.options.rows_of_full_part
        numbers = range(len(finished), ceil(sum(counts) / full))
        for number, told in zip(numbers, self._asked(counts, numbers, work), strict=True):
            self._workers[told["worker"]] = self._workers.get(told["worker"], 0) + told["loads"]
            record = Record(**told["record"])
            self._check_rows(record, min(full, sum(counts) - number * full))
            rows += record.rows_in
            progress(rows, record.place)
            yield record

    def told(self) -> dict[str, Any]:
        # Each worker process loads the bundle once, however many parts it makes.
        loads = sum(self._workers.values())
        return {"engine": "spark", "cores": self._jobs.cores(), "workers": len(self._workers), "loads": loads}

    def _counts(self) -> list[int]:
        """The rows of each file; those of text are counted by Spark, since no text says them."""
        known = [rows_of(file) for file in self._shipped.plan.inputs]
        unknown = [number for number, rows in enumerate(known) if rows is None]
        told = self._jobs.in_order(partial(count_rows, self._shipped), unknown, told_in)
        counted = dict(zip(unknown, told, strict=True))
        return [counted[number]["rows"] if rows is None else rows for number, rows in enumerate(known)]

    def _asked(self, counts: Sequence[int], numbers: Sequence[int], work: Work) -> Iterator[Told]:
        task = partial(make_parts, self._shipped, counts)
        take: Callable[[Any], Told] = partial(keep, work)
        return self._jobs.in_order(task, numbers, take)

    def _check_rows(self, record: Record, expected: int) -> None:
        if record.rows_in != expected:
            raise DataError(
                f"{record.name} accounts for {record.rows_in} rows of {self._shipped.plan.source} but {expected} were "
                "expected, so the input changed while it was read; no dataset was published; run the job again"
            )
