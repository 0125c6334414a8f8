"""Rows in, parts out: all cores score while one thread reads and writes, and what is finished is never done again."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import chain

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
    for number, first in enumerate(scored, len(finished)):
        with ExitStack() as stack:
            part = Part(work, plan, number)
            stack.callback(part.discard)
            for unit, answers in chain([first], scored):
                part.add(unit, answers)
                rows += rows_in(unit)
                progress(rows, after(unit))
                if part.is_full:
                    break
            record = part.finish()
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
