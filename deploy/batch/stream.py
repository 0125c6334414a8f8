"""Rows in, parts out: all cores score while one thread reads and writes, and what is finished is never done again."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

from deploy.batch.chunks import Chunk, Place, Unit, after, rows_in, units
from deploy.batch.parts import Part
from deploy.batch.plan import Plan
from deploy.batch.readers import chunks_of
from deploy.batch.unit import Scored, UnitScorer
from deploy.batch.work import Record, Work

Progress = Callable[[int, Place], None]
"""Called after each unit with the rows that were read so far and the place in the input that was reached."""


def remaining_parts(
    plan: Plan, score: UnitScorer, work: Work, finished: list[Record], progress: Progress
) -> Iterator[Record]:
    """Make the parts that follow the finished ones; each is whole on the disk when its record is given.

    Raises:
        DataError: an input is truncated or damaged.
        StorageError: the disk is full or the like.
    """
    place = finished[-1].place if finished else Place()
    rows = sum(sum(record.files.values()) for record in finished)
    scored = in_order(units(_chunks(plan, place), plan.options.unit), score)
    for number, part in enumerate(_parts(scored, plan.options.rows_per_part), len(finished)):
        with ExitStack() as stack:
            writing = Part(work, plan, number)
            stack.callback(writing.discard)
            for unit, answers in part:
                writing.add(unit, answers)
                rows += rows_in(unit)
                progress(rows, after(unit))
            record = writing.finish()
            stack.pop_all()
        yield record


def in_order(todo: Iterator[Unit], score: UnitScorer) -> Iterator[tuple[Unit, Scored]]:
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


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _answered(waiting: deque[tuple[Unit, Future[Scored]]]) -> tuple[Unit, Scored]:
    unit, future = waiting.popleft()
    return unit, future.result()


def _chunks(plan: Plan, place: Place) -> Iterator[Chunk]:
    for number in range(place.file, len(plan.inputs)):
        skip = place.row if number == place.file else 0
        yield from chunks_of(plan.inputs[number], number, skip, plan.wanted[number])


def _parts(scored: Iterator[tuple[Unit, Scored]], rows: int) -> Iterator[Iterator[tuple[Unit, Scored]]]:
    """The units in groups of so many rows; a group is to be used up before the next is asked for."""
    for first in scored:
        yield _part(first, scored, rows)


def _part(
    first: tuple[Unit, Scored], scored: Iterator[tuple[Unit, Scored]], rows: int
) -> Iterator[tuple[Unit, Scored]]:
    yield first
    taken = rows_in(first[0])
    while taken < rows and (found := next(scored, None)) is not None:
        yield found
        taken += rows_in(found[0])
