"""Drive Spark: one Spark job for each part, many at the same time, and each part saved as soon as it is returned."""

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
"""Spark jobs submitted at the same time. Waiting jobs make a cluster with dynamic allocation add executors."""
_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class SparkEngine:
    """The engine for a cluster. ``patience`` is how many seconds to wait while there is no executor."""

    master: str | None = None
    patience: float = 120.0

    @contextmanager
    def __call__(self, plan: Plan, scorer: Scorer) -> Iterator[_SparkRun]:
        """Start Spark and send it the bundle and the code.

        Raises:
            SettingsError: the master's address is not valid.
            SparkError: pyspark or Java is missing, or the master cannot be reached.
        """
        with session(self.master) as spark:
            with spark_errors(self.master):
                archive = send(spark.sparkContext, scorer.bundle)
            yield _SparkRun(Shipment(plan, archive), Jobs(spark, self.master, self.patience))


class _SparkRun:
    """Write the parts of one job with the executors of a session."""

    def __init__(self, shipment: Shipment, jobs: Jobs) -> None:
        self._shipped, self._jobs = shipment, jobs
        self._workers: dict[str, int] = {}

    def remaining_parts(
        self, checkpoint: Checkpoint, finished: list[PartRecord], progress: ProgressCallback
    ) -> Iterator[PartRecord]:
        counts, rows = self._count_rows(), sum(record.rows_in for record in finished)
        full = self._shipped.plan.options.rows_of_full_part
        numbers = range(len(finished), ceil(sum(counts) / full))
        reports = self._jobs.run_in_order(
            partial(make_parts, self._shipped, counts), numbers, partial(save_part, checkpoint)
        )
        for number, report in zip(numbers, reports, strict=True):
            self._workers[report["worker"]] = self._workers.get(report["worker"], 0) + report["loads"]
            record = PartRecord(**report["record"])
            self._check_rows(record, min(full, sum(counts) - number * full))
            rows += record.rows_in
            progress(rows, record.next_position)
            yield record

    def describe(self) -> dict[str, Any]:
        # Each worker process loads the bundle once for all of its parts.
        loads = sum(self._workers.values())
        return {"engine": "spark", "cores": self._jobs.cores(), "workers": len(self._workers), "loads": loads}

    def _count_rows(self) -> list[int]:
        """Return the rows of each file. Spark counts those of CSV and JSON, which do not record them."""
        known = [row_count(file) for file in self._shipped.plan.inputs]
        unknown = [number for number, rows in enumerate(known) if rows is None]
        reports = self._jobs.run_in_order(partial(count_rows, self._shipped), unknown, read_report)
        counted = dict(zip(unknown, reports, strict=True))
        return [counted[number]["rows"] if rows is None else rows for number, rows in enumerate(known)]

    def _check_rows(self, record: PartRecord, expected: int) -> None:
        if record.rows_in != expected:
            raise DataError(
                f"{record.name} was made from {record.rows_in} rows of {self._shipped.plan.source}, but {expected} were "
                "expected, so the input changed while it was read; no dataset was published; run the job again"
            )


class Jobs:
    """Run one Spark job for each number, many at the same time, and yield their reports in the order of the numbers."""

    def __init__(self, spark: Any, master: str | None, patience: float) -> None:
        self._spark, self._context = spark, spark.sparkContext
        self._master, self._patience = master, patience
        self._executor_seen_at = time.monotonic()

    def run_in_order(self, task: Task, numbers: Sequence[int], take: ReadResult) -> Iterator[TaskReport]:
        """Run ``task`` for each number, and call ``take`` on each result as soon as it is returned.

        Raises:
            SparkError: Spark failed, or had no executor for too long.
            SlipwayError: a task failed with an error of Slipway.
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
        """Return the number of cores that Spark has now."""
        with spark_errors(self._master):
            return int(self._context.defaultParallelism)

    def _run_job(self, task: Task, take: ReadResult, tag: str, number: int) -> TaskReport:
        with spark_errors(self._master):
            self._context.addJobTag(tag)
            single_row = self._spark.range(number, number + 1, 1, 1)
            # Spark keeps the result of only one attempt of each task, so nothing is counted twice.
            result = single_row.mapInArrow(task, RESULT_DDL).toArrow()
        return take(result)

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
        """Fail after ``patience`` seconds without an executor."""
        # Spark itself would wait forever.
        with spark_errors(self._master):
            if self._has_executors():
                self._executor_seen_at = time.monotonic()
        if time.monotonic() - self._executor_seen_at > self._patience:
            raise SparkError(
                f"Spark at {self._context.master} has had no executor for {self._patience:.0f} s; no dataset was "
                "published; check that it has workers with free cores and memory, then run the job again"
            )

    def _has_executors(self) -> bool:
        if self._context.master.startswith("local") and not self._context.master.startswith("local-cluster"):
            return True
        # The tracker also lists the driver itself.
        return len(self._context._jsc.sc().statusTracker().getExecutorInfos()) > 1

    def _cancel(self, tag: str) -> None:
        with suppress(SparkError), spark_errors(self._master):
            self._context.cancelJobsWithTag(tag)
