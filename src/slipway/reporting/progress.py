"""Report the progress of long commands: a line when a step ends, and a heartbeat while it runs."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

__all__ = ["PLAIN", "SILENT", "Note", "Progress"]

FIRST_HEARTBEAT, HEARTBEAT_INTERVAL = 2.0, 30.0
"""Seconds until the first heartbeat of a step, and between two later ones."""

Note = Callable[[str], None]
"""Takes a note to show after the name of the running step, such as how many rows are done."""


@dataclass(frozen=True)
class Progress:
    """Progress output: ``progress("...")`` prints a line; ``with progress.step_timer("train"):`` reports a step."""

    print_line: Callable[[str], None]
    heartbeat: Callable[[str], AbstractContextManager[Note]]

    def __call__(self, line: str) -> None:
        """Print a line."""
        self.print_line(line)

    @contextmanager
    def step_timer(self, work: str) -> Iterator[None]:
        """Show a heartbeat while ``work`` is running, and print how long it took if it succeeded."""
        started = time.monotonic()
        with self.heartbeat(work):
            yield
        self.print_line(duration_line(work, time.monotonic() - started))


def duration_line(work: str, seconds: float, *, cached: bool = False) -> str:
    """Return the line that reports a finished step."""
    return f"{work:<10}{seconds:6.1f} s{'  (cached)' if cached else ''}"


def print_to_stderr(line: str) -> None:
    """Print a line for people to stderr; stdout is for results only."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def heartbeat_on_stderr(work: str) -> Iterator[Note]:
    """Print to stderr that ``work`` is still running, first after two seconds and then every 30 seconds."""
    # A deque of one: the working thread replaces the note and the other reads it, without a lock.
    ended, notes = threading.Event(), deque([""], maxlen=1)
    printer = threading.Thread(target=_print_heartbeats, args=(work, ended, notes), daemon=True)
    printer.start()
    try:
        yield notes.append
    finally:
        ended.set()
        printer.join()


def _print_heartbeats(work: str, ended: threading.Event, notes: deque[str]) -> None:
    started, pause = time.monotonic(), FIRST_HEARTBEAT
    while not ended.wait(pause):
        note = f", {notes[-1]}" if notes[-1] else ""
        print_to_stderr(f"{work}: running for {time.monotonic() - started:.0f} s{note}")
        pause = HEARTBEAT_INTERVAL


PLAIN = Progress(print_to_stderr, heartbeat_on_stderr)
SILENT = Progress(lambda line: None, lambda work: nullcontext(lambda note: None))
