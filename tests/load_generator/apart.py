"""Loads from a process of its own, so what the caller does meanwhile delays no request."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import get_context

from tests.load_generator.generator import generate
from tests.load_generator.load import Load
from tests.load_generator.result import Result


@contextmanager
def begun(load: Load) -> Iterator[Future[Result]]:
    """The result to come of a load that runs while the block does; the block ends with the load."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_go_first) as executor:
        yield executor.submit(generate, load)


def result_of(load: Load) -> Result:
    """The result of a load, awaited."""
    with begun(load) as result:
        return result.result()


def _go_first() -> None:
    """Where this is allowed, do not wait for a core that the server keeps busy: that delay would look like its own."""
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)
