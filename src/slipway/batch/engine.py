"""The interface of an engine, which turns rows into parts, and the local engine.

The local engine scores on all cores while one thread reads and one writes.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any, Protocol

import pyarrow as pa

from slipway.batch.output.checkpoint import Checkpoint, PartRecord
from slipway.batch.output.part_writer import PartWriter
from slipway.batch.plan import Plan
from slipway.batch.scoring.score_chunk import ChunkScorer, ScoredRows
from slipway.inference.engines import cores
from slipway.inference.scorer import Scorer
from slipway.tables.chunks import Chunk, InputPosition, Unit, count_rows, position_after, units
from slipway.tables.readers import chunks_of

ScoredUnit = tuple[Unit, ScoredRows]
ProgressCallback = Callable[[int, InputPosition], None]
"""Called after each unit with the number of rows scored so far and the position reached in the input."""


class EngineRun(Protocol):
    """An engine that has been started for one job."""

    def remaining_parts(
        self, checkpoint: Checkpoint, finished: list[PartRecord], progress: ProgressCallback
    ) -> Iterator[PartRecord]:
        """Write the parts after the finished ones; each is complete on disk before its record is yielded.

        Raises:
            DataError: an input is truncated or damaged.
            StorageError: the disk is full or cannot be written.
        """

    def describe(self) -> dict[str, Any]:
        """Return what the manifest's timings record about the engine: its name, its ``cores`` and more."""


Engine = Callable[[Plan, Scorer], AbstractContextManager[EngineRun]]

_M_MMAP_THRESHOLD = -3
_MMAP_THRESHOLD_BYTES = 1 << 18


class _LocalRun:
    """Write the parts with all cores of this machine."""

    def __init__(self, plan: Plan, scorer: Scorer) -> None:
        self._plan, self._score = plan, ChunkScorer(plan, scorer)

    def remaining_parts(
        self, checkpoint: Checkpoint, finished: list[PartRecord], progress: ProgressCallback
    ) -> Iterator[PartRecord]:
        plan, place = self._plan, finished[-1].next_position if finished else InputPosition()
        rows = [record.rows_in for record in finished]
        scored = score_in_order(units(read_ahead(chunks_from(plan, place)), plan.options.unit), self._score)
        for number, part in enumerate(group_units(scored, plan.options.rows_per_part), len(finished)):
            record = write_part(checkpoint, plan, number, _report_progress(part, sum(rows), progress))
            rows.append(record.rows_in)
            yield record

    def describe(self) -> dict[str, Any]:
        return {"engine": "local", "cores": cores()}


@contextmanager
def local_engine(plan: Plan, scorer: Scorer) -> Iterator[_LocalRun]:
    """Start the engine that uses this machine only."""
    yield _LocalRun(plan, scorer)


def write_part(checkpoint: Checkpoint, plan: Plan, number: int, scored_units: Iterator[ScoredUnit]) -> PartRecord:
    """Write a part from its units. Afterwards its files and its record are complete on disk, or none of them exists.

    Raises:
        StorageError: the disk is full or cannot be written.
    """
    part = PartWriter(checkpoint, plan, number)
    try:
        for unit, scored in scored_units:
            part.add(unit, scored)
        return part.finish()
    except BaseException:
        part.discard()
        raise


def read_ahead(chunks: Generator[Chunk, None, None]) -> Iterator[Chunk]:
    """Yield the same chunks, but read the next one in a separate thread while the caller works on the current one."""
    with closing(chunks), ThreadPoolExecutor(1) as reader:
        following = reader.submit(next, chunks, None)
        while (found := following.result()) is not None:
            following = reader.submit(next, chunks, None)
            yield found


def score_in_order(todo: Iterator[Unit], score: ChunkScorer) -> Iterator[ScoredUnit]:
    """Score units on all cores and yield them in their order, with only a few in memory."""
    waiting: deque[tuple[Unit, Future[ScoredRows]]] = deque()
    # One thread per core, each running the model single-threaded, is faster than one model with a thread per core.
    threads = cores()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for unit in todo:
                waiting.append((unit, pool.submit(score, unit)))
                if len(waiting) > threads + 1:
                    yield _next_result(waiting)
            while waiting:
                yield _next_result(waiting)
        finally:
            pool.shutdown(cancel_futures=True)


def _next_result(waiting: deque[tuple[Unit, Future[ScoredRows]]]) -> ScoredUnit:
    unit, future = waiting.popleft()
    return unit, future.result()


def chunks_from(plan: Plan, position: InputPosition) -> Generator[Chunk, None, None]:
    """Read every row from a position on.

    Raises:
        DataError: an input is truncated or damaged.
    """
    for number in range(position.file, len(plan.inputs)):
        skip = position.row if number == position.file else 0
        yield from chunks_of(plan.inputs[number], number, skip, plan.input_schemas[number])


def group_units(scored_units: Iterator[ScoredUnit], rows: int) -> Iterator[Iterator[ScoredUnit]]:
    """Group units into parts of ``rows`` rows. Consume each group before asking for the next one."""
    for first in scored_units:
        yield _take_group(first, scored_units, rows)


def _take_group(first: ScoredUnit, others: Iterator[ScoredUnit], rows: int) -> Iterator[ScoredUnit]:
    yield first
    taken = count_rows(first[0])
    while taken < rows and (found := next(others, None)) is not None:
        yield found
        taken += count_rows(found[0])


def _report_progress(scored_units: Iterator[ScoredUnit], rows: int, progress: ProgressCallback) -> Iterator[ScoredUnit]:
    for unit, scored in scored_units:
        yield unit, scored
        rows += count_rows(unit)
        progress(rows, position_after(unit))


def return_large_blocks() -> None:
    """Make this process return every large block to the system when it is freed; without glibc, do nothing.

    A million rows in one file take about 330 MB at their peak instead of 400 MB, at the same speed.
    """
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is None:
        return
    # By default glibc raises its mmap threshold with each large block that is freed (mallopt(3), M_MMAP_THRESHOLD). The
    # columns of every unit then come from the heaps of several threads, which grow during the complete job: by a third
    # from one to ten million rows.
    mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
    # Arrow's own allocator (mimalloc) keeps freed blocks as well; glibc's does not, with this threshold.
    pa.set_memory_pool(pa.system_memory_pool())
