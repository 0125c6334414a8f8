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

from slipway.batch.engine import ProgressCallback
from slipway.batch.output.checkpoint import Checkpoint, PartRecord
from slipway.batch.plan import Plan
from slipway.batch.spark.session import session, spark_errors
from slipway.batch.spark.task import RESULT_DDL, Shipment, count_rows, make_parts
from slipway.batch.spark.transfer import TaskReport, read_report, save_part, send
from slipway.errors import DataError, SparkError
from slipway.inference.scorer import Scorer
from slipway.tables.readers import row_count

Task = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
ReadResult = Callable[[pa.Table], TaskReport]
MAX_PARALLEL_JOBS = 256
"""Jobs that Spark is given at a time. Those that wait tell a cluster that grows by itself to grow."""
_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class SparkEngine:
    """The engine of many machines. ``patience`` are the seconds for which no executor at all is waited for."""

    master: str | None = None
    patience: float = 120.0

    @contextmanager
    def __call__(self, plan: Plan, scorer: Scorer) -> Iterator[_SparkRun]:
        """Start Spark and send it the bundle and our code.

        Raises:
            SettingsError: the master's address is none.
            SparkError: pyspark or Java is missing, or the master cannot be reached.
        """
        with session(self.master) as spark:
            with spark_errors(self.master):
                archive = send(spark.sparkContext, scorer.bundle)
            yield _SparkRun(Shipment(plan, archive), Jobs(spark, self.master, self.patience))


class _SparkRun:
    """Makes the parts of one job on the executors of a session."""

    def __init__(self, shipment: Shipment, jobs: Jobs) -> None:
        self._shipped, self._jobs = shipment, jobs
        self._workers: dict[str, int] = {}

    def remaining_parts(
        self, checkpoint: Checkpoint, finished: list[PartRecord], progress: ProgressCallback
    ) -> Iterator[PartRecord]:
        counts, rows = self._count_rows(), sum(record.rows_in for record in finished)
        full = self._shipped.plan.options.rows_of_full_part
        numbers = range(len(finished), ceil(sum(counts) / full))
        answers = self._jobs.run_in_order(
            partial(make_parts, self._shipped, counts), numbers, partial(save_part, checkpoint)
        )
        for number, told in zip(numbers, answers, strict=True):
            self._workers[told["worker"]] = self._workers.get(told["worker"], 0) + told["loads"]
            record = PartRecord(**told["record"])
            self._check_rows(record, min(full, sum(counts) - number * full))
            rows += record.rows_in
            progress(rows, record.next_position)
            yield record

    def describe(self) -> dict[str, Any]:
        # Each worker process loads the bundle once, however many parts it makes.
        loads = sum(self._workers.values())
        return {"engine": "spark", "cores": self._jobs.cores(), "workers": len(self._workers), "loads": loads}

    def _count_rows(self) -> list[int]:
        """The rows of each file; those of text are counted by Spark, since no text says them."""
        known = [row_count(file) for file in self._shipped.plan.inputs]
        unknown = [number for number, rows in enumerate(known) if rows is None]
        told = self._jobs.run_in_order(partial(count_rows, self._shipped), unknown, read_report)
        counted = dict(zip(unknown, told, strict=True))
        return [counted[number]["rows"] if rows is None else rows for number, rows in enumerate(known)]

    def _check_rows(self, record: PartRecord, expected: int) -> None:
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
        self._executor_seen_at = time.monotonic()

    def run_in_order(self, task: Task, numbers: Sequence[int], take: ReadResult) -> Iterator[TaskReport]:
        """Run ``task`` for each number, and ``take`` on its answer as soon as that is there.

        Raises:
            SparkError: Spark failed, or has had no executor for too long.
            SlipwayError: a task met an error of ours.
        """
        tag = f"slipway-{secrets.token_hex(4)}"
        with ThreadPoolExecutor(min(MAX_PARALLEL_JOBS, len(numbers)) or 1) as pool:
            try:
                for future in [pool.submit(self._run_job, task, take, tag, number) for number in numbers]:
                    yield self._wait_for_result(future)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                self._cancel(tag)

    def cores(self) -> int:
        """The cores that Spark has now."""
        with spark_errors(self._master):
            return int(self._context.defaultParallelism)

    def _run_job(self, task: Task, take: ReadResult, tag: str, number: int) -> TaskReport:
        with spark_errors(self._master):
            self._context.addJobTag(tag)
            one = self._spark.range(number, number + 1, 1, 1)
            # Spark keeps the answer of one attempt for each task, so nothing is counted twice.
            answer = one.mapInArrow(task, RESULT_DDL).toArrow()
        return take(answer)

    def _wait_for_result(self, future: Future[TaskReport]) -> TaskReport:
        self._executor_seen_at = time.monotonic()
        while True:
            try:
                return future.result(timeout=_POLL_SECONDS)
            except TimeoutError:
                if future.done():
                    raise
                self._check_executors()

    def _check_executors(self) -> None:
        """Spark waits for executors for ever."""
        with spark_errors(self._master):
            if self._has_executors():
                self._executor_seen_at = time.monotonic()
        if time.monotonic() - self._executor_seen_at > self._patience:
            raise SparkError(
                f"Spark at {self._context.master} has had no executor for {self._patience:.0f} s; has it workers with "
                "free cores and memory? no dataset was published; run the job again when it has"
            )

    def _has_executors(self) -> bool:
        if self._context.master.startswith("local") and not self._context.master.startswith("local-cluster"):
            return True
        # The driver is one of those that the tracker tells.
        return len(self._context._jsc.sc().statusTracker().getExecutorInfos()) > 1

    def _cancel(self, tag: str) -> None:
        with suppress(SparkError), spark_errors(self._master):
            self._context.cancelJobsWithTag(tag)
