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

from slipway.batch.output.checkpoint import Record, Work
from slipway.batch.output.part_writer import Part
from slipway.batch.plan import Plan
from slipway.batch.scoring.score_chunk import Scored, UnitScorer
from slipway.inference.engines import cores
from slipway.inference.scorer import Scorer
from slipway.tables.chunks import Chunk, Place, Unit, after, rows_in, units
from slipway.tables.readers import chunks_of

Answered = tuple[Unit, Scored]
Progress = Callable[[int, Place], None]
"""Called now and then with the rows that were read so far and the place in the input that was reached."""


class Running(Protocol):
    """An engine that was started for one job."""

    def remaining_parts(self, work: Work, finished: list[Record], progress: Progress) -> Iterator[Record]:
        """Make the parts that follow the finished ones; each is whole on the disk when its record is given.

        Raises:
            DataError: an input is truncated or damaged.
            StorageError: the disk is full or the like.
        """

    def told(self) -> dict[str, Any]:
        """What the timings say of it: its name, its ``cores`` and what else it knows."""


Engine = Callable[[Plan, Scorer], AbstractContextManager[Running]]

_MMAP_THRESHOLD = -3
_BYTES = 1 << 18


class _Local:
    """Makes the parts on the cores of this machine."""

    def __init__(self, plan: Plan, scorer: Scorer) -> None:
        self._plan, self._score = plan, UnitScorer(plan, scorer)

    def remaining_parts(self, work: Work, finished: list[Record], progress: Progress) -> Iterator[Record]:
        plan, place = self._plan, finished[-1].place if finished else Place()
        rows = [record.rows_in for record in finished]
        scored = in_order(units(read_ahead(chunks_from(plan, place)), plan.options.unit), self._score)
        for number, part in enumerate(grouped(scored, plan.options.rows_per_part), len(finished)):
            record = write_part(work, plan, number, _noted(part, sum(rows), progress))
            rows.append(record.rows_in)
            yield record

    def told(self) -> dict[str, Any]:
        return {"engine": "local", "cores": cores()}


@contextmanager
def local_engine(plan: Plan, scorer: Scorer) -> Iterator[_Local]:
    """The engine of one machine."""
    yield _Local(plan, scorer)


def write_part(work: Work, plan: Plan, number: int, answered: Iterator[Answered]) -> Record:
    """Write a part from the units of it; its files and its record are whole on the disk, or none is there.

    Raises:
        StorageError: the disk is full or the like.
    """
    part = Part(work, plan, number)
    try:
        for unit, scored in answered:
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


def in_order(todo: Iterator[Unit], score: UnitScorer) -> Iterator[Answered]:
    """Units scored by all cores, in their order; only a few are in memory."""
    waiting: deque[tuple[Unit, Future[Scored]]] = deque()
    # A thread for each core with a model that has one: faster than one model with a thread for each core.
    threads = cores()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for unit in todo:
                waiting.append((unit, pool.submit(score, unit)))
                if len(waiting) > threads + 1:
                    yield _answered(waiting)
            while waiting:
                yield _answered(waiting)
        finally:
            pool.shutdown(cancel_futures=True)


def _answered(waiting: deque[tuple[Unit, Future[Scored]]]) -> Answered:
    unit, future = waiting.popleft()
    return unit, future.result()


def chunks_from(plan: Plan, place: Place) -> Generator[Chunk, None, None]:
    """Every row from a place on.

    Raises:
        DataError: an input is truncated or damaged.
    """
    for number in range(place.file, len(plan.inputs)):
        skip = place.row if number == place.file else 0
        yield from chunks_of(plan.inputs[number], number, skip, plan.wanted[number])


def grouped(answered: Iterator[Answered], rows: int) -> Iterator[Iterator[Answered]]:
    """The units in groups of so many rows; a group is to be used up before the next is asked for."""
    for first in answered:
        yield _group(first, answered, rows)


def _group(first: Answered, others: Iterator[Answered], rows: int) -> Iterator[Answered]:
    yield first
    taken = rows_in(first[0])
    while taken < rows and (found := next(others, None)) is not None:
        yield found
        taken += rows_in(found[0])


def _noted(part: Iterator[Answered], rows: int, progress: Progress) -> Iterator[Answered]:
    for unit, scored in part:
        yield unit, scored
        rows += rows_in(unit)
        progress(rows, after(unit))


def return_large_blocks() -> None:
    """Have glibc map every large block by itself, for the rest of the process; elsewhere nothing is done."""
    # By default glibc raises the threshold with each large block that is freed. The columns of every unit then come from
    # heaps of several threads, which grow for as long as the job lasts: by a third from one to ten million rows.
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        mallopt(_MMAP_THRESHOLD, _BYTES)
