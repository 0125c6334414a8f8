"""What an engine is: rows in, parts out, on this machine or on many; what is finished is never done again.

The one of this machine is here: all cores score while one thread reads and one writes.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any, Protocol

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
"""Called now and then with the rows that were read so far and the place in the input that was reached."""


class EngineRun(Protocol):
    """An engine that was started for one job."""

    def remaining_parts(
        self, checkpoint: Checkpoint, finished: list[PartRecord], progress: ProgressCallback
    ) -> Iterator[PartRecord]:
        """Make the parts that follow the finished ones; each is whole on the disk when its record is given.

        Raises:
            DataError: an input is truncated or damaged.
            StorageError: the disk is full or the like.
        """

    def describe(self) -> dict[str, Any]:
        """What the timings say of it: its name, its ``cores`` and what else it knows."""


Engine = Callable[[Plan, Scorer], AbstractContextManager[EngineRun]]

_M_MMAP_THRESHOLD = -3
_MMAP_THRESHOLD_BYTES = 1 << 18


class _LocalRun:
    """Makes the parts on the cores of this machine."""

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
    """The engine of one machine."""
    yield _LocalRun(plan, scorer)


def write_part(checkpoint: Checkpoint, plan: Plan, number: int, scored_units: Iterator[ScoredUnit]) -> PartRecord:
    """Write a part from the units of it; its files and its record are whole on the disk, or none is there.

    Raises:
        StorageError: the disk is full or the like.
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
    """The same chunks; the next one is read by a thread of its own while the last one is at work."""
    with closing(chunks), ThreadPoolExecutor(1) as reader:
        following = reader.submit(next, chunks, None)
        while (found := following.result()) is not None:
            following = reader.submit(next, chunks, None)
            yield found


def score_in_order(todo: Iterator[Unit], score: ChunkScorer) -> Iterator[ScoredUnit]:
    """Units scored by all cores, in their order; only a few are in memory."""
    waiting: deque[tuple[Unit, Future[ScoredRows]]] = deque()
    # A thread for each core with a model that has one: faster than one model with a thread for each core.
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
    """Every row from a place on.

    Raises:
        DataError: an input is truncated or damaged.
    """
    for number in range(position.file, len(plan.inputs)):
        skip = position.row if number == position.file else 0
        yield from chunks_of(plan.inputs[number], number, skip, plan.input_schemas[number])


def group_units(scored_units: Iterator[ScoredUnit], rows: int) -> Iterator[Iterator[ScoredUnit]]:
    """The units in groups of so many rows; a group is to be used up before the next is asked for."""
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
    """Have glibc map every large block by itself, for the rest of the process; elsewhere nothing is done."""
    # By default glibc raises the threshold with each large block that is freed. The columns of every unit then come from
    # heaps of several threads, which grow for as long as the job lasts: by a third from one to ten million rows.
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
