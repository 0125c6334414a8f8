"""How a long command tells a person that it is at work: a line when something ended, and a sign while it lasts."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

FIRST_HEARTBEAT, HEARTBEAT_INTERVAL = 2.0, 30.0
"""Seconds until something that lasts is said to last, and from then on between two signs."""

Note = Callable[[str], None]
"""Takes what to say beside the name of what is running, such as how many rows are done."""


@dataclass(frozen=True)
class Progress:
    """``say("...")`` tells what happened; ``with say.running("train"):`` tells that something lasts."""

    print_line: Callable[[str], None]
    heartbeat: Callable[[str], AbstractContextManager[Note]]

    def __call__(self, line: str) -> None:
        """Tell what happened."""
        self.print_line(line)

    @contextmanager
    def step_timer(self, work: str) -> Iterator[None]:
        """Tell that ``work`` is running, and how long it took once it ended well."""
        began = time.monotonic()
        with self.heartbeat(work):
            yield
        self.print_line(duration_line(work, time.monotonic() - began))


def duration_line(work: str, seconds: float, *, cached: bool = False) -> str:
    """The line of a step that ended."""
    return f"{work:<10}{seconds:6.1f} s{'  (cached)' if cached else ''}"


def print_to_stderr(line: str) -> None:
    """A line for people; results alone go to stdout."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def heartbeat_on_stderr(work: str) -> Iterator[Note]:
    """Say on stderr that ``work`` is running, when it lasts, and again from time to time."""
    ended, notes = threading.Event(), deque([""], maxlen=1)
    sign = threading.Thread(target=_print_heartbeats, args=(work, ended, notes), daemon=True)
    sign.start()
    try:
        yield notes.append
    finally:
        ended.set()
        sign.join()


def _print_heartbeats(work: str, ended: threading.Event, notes: deque[str]) -> None:
    began, pause = time.monotonic(), FIRST_HEARTBEAT
    while not ended.wait(pause):
        note = f", {notes[-1]}" if notes[-1] else ""
        print_to_stderr(f"{work}: running for {time.monotonic() - began:.0f} s{note}")
        pause = HEARTBEAT_INTERVAL


PLAIN = Progress(print_to_stderr, heartbeat_on_stderr)
SILENT = Progress(lambda line: None, lambda work: nullcontext(lambda note: None))
