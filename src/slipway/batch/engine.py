"""What an engine is: something that makes the parts of a dataset, on this machine or on many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

from slipway.batch.output.checkpoint import Record, Work
from slipway.batch.plan import Plan
from slipway.inference.scorer import Scorer
from slipway.tables.chunks import Place

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
