"""Runs one Spark job for each number, many at a time, and gives what they told in the order of the numbers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

import pyarrow as pa

from slipway.batch.spark.failures import said_plainly
from slipway.batch.spark.received import Told
from slipway.batch.spark.task import DDL
from slipway.errors import SparkError

Task = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
Take = Callable[[pa.Table], Told]
AT_ONCE = 256
"""Jobs that Spark is given at a time. Those that wait tell a cluster that grows by itself to grow."""
_LOOK = 1.0


class Asked(NamedTuple):
    """One round of jobs: what a task does, and what is done with its answer."""

    task: Task
    take: Take
    tag: str


class Jobs:
    """The jobs of a session."""

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
        asked = Asked(task, take, f"slipway-{secrets.token_hex(4)}")
        with ThreadPoolExecutor(min(AT_ONCE, len(numbers)) or 1) as pool:
            try:
                for future in [pool.submit(self._answer, asked, number) for number in numbers]:
                    yield self._patiently(future)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                self._cancel(asked.tag)

    def cores(self) -> int:
        """The cores that Spark has now."""
        with said_plainly(self._master):
            return int(self._context.defaultParallelism)

    def _answer(self, asked: Asked, number: int) -> Told:
        with said_plainly(self._master):
            self._context.addJobTag(asked.tag)
            one = self._spark.range(number, number + 1, 1, 1)
            # Spark keeps the answer of one attempt for each task, so nothing is counted twice.
            answer = one.mapInArrow(asked.task, DDL).toArrow()
        return asked.take(answer)

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
