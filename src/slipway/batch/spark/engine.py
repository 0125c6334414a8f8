"""The driver: one Spark job for each part, many at once, and each part kept as soon as it comes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any

import pyarrow as pa

from slipway.batch.engine import Progress
from slipway.batch.output.checkpoint import Record, Work
from slipway.batch.plan import Plan
from slipway.batch.spark.session import said_plainly, session
from slipway.batch.spark.task import DDL, Shipped, count_rows, make_parts
from slipway.batch.spark.transfer import Told, keep, send, told_in
from slipway.errors import DataError, SparkError
from slipway.inference.scorer import Scorer
from slipway.tables.readers import rows_of

Task = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
Take = Callable[[pa.Table], Told]
AT_ONCE = 256
"""Jobs that Spark is given at a time. Those that wait tell a cluster that grows by itself to grow."""
_LOOK = 1.0


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
        answers = self._jobs.in_order(partial(make_parts, self._shipped, counts), numbers, partial(keep, work))
        for number, told in zip(numbers, answers, strict=True):
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

    def _check_rows(self, record: Record, expected: int) -> None:
        if record.rows_in != expected:
            raise DataError(
                f"{record.name} accounts for {record.rows_in} rows of {self._shipped.plan.source} but {expected} were "
                "expected, so the input changed while it was read; no dataset was published; run the job again"
            )


class Jobs:
    """Runs one Spark job for each number, many at a time, and gives what they told in the order of the numbers."""

    def __init__(self, spark: Any, master: str | None, patience: float) -> None:
        self._spark, self._context = spark, spark.sparkContext
        self._master, self._patience = master, patience
        self._seen = time.monotonic()

    def in_order(self, task: Task, numbers: Sequence[int], take: Take) -> Iterator[Told]:
        """Run ``task`` for each number, and ``take`` on its answer as soon as that is there.

        Raises:
            SparkError: Spark failed, or has had no executor for too long.
            SlipwayError: a task met an error of ours.
        """
        tag = f"slipway-{secrets.token_hex(4)}"
        with ThreadPoolExecutor(min(AT_ONCE, len(numbers)) or 1) as pool:
            try:
                for future in [pool.submit(self._answer, task, take, tag, number) for number in numbers]:
                    yield self._patiently(future)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                self._cancel(tag)

    def cores(self) -> int:
        """The cores that Spark has now."""
        with said_plainly(self._master):
            return int(self._context.defaultParallelism)

    def _answer(self, task: Task, take: Take, tag: str, number: int) -> Told:
        with said_plainly(self._master):
            self._context.addJobTag(tag)
            one = self._spark.range(number, number + 1, 1, 1)
            # Spark keeps the answer of one attempt for each task, so nothing is counted twice.
            answer = one.mapInArrow(task, DDL).toArrow()
        return take(answer)

    def _patiently(self, future: Future[Told]) -> Told:
        self._seen = time.monotonic()
        while True:
            try:
                return future.result(timeout=_LOOK)
            except TimeoutError:
                if future.done():
                    raise
                self._check_executors()

    def _check_executors(self) -> None:
        """Spark waits for executors for ever."""
        with said_plainly(self._master):
            if self._executors():
                self._seen = time.monotonic()
        if time.monotonic() - self._seen > self._patience:
            raise SparkError(
                f"Spark at {self._context.master} has had no executor for {self._patience:.0f} s; has it workers with "
                "free cores and memory? no dataset was published; run the job again when it has"
            )

    def _executors(self) -> bool:
        if self._context.master.startswith("local") and not self._context.master.startswith("local-cluster"):
            return True
        # The driver is one of those that the tracker tells.
        return len(self._context._jsc.sc().statusTracker().getExecutorInfos()) > 1

    def _cancel(self, tag: str) -> None:
        with suppress(SparkError), said_plainly(self._master):
            self._context.cancelJobsWithTag(tag)
