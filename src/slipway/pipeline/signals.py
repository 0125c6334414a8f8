"""Handle stop signals: raise them as an exception, and defer them in sections that must not be interrupted.

A section is, for example, a fork and the line that records the child: a signal in between would leave the child running.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Handler = Callable[[int, FrameType | None], Any]


class StopSignal(KeyboardInterrupt):
    """Raised when one of ``STOP_SIGNALS`` is received; its text is the signal's name."""


@contextmanager
def raise_on_signals() -> Iterator[None]:
    """Raise ``StopSignal`` in the block when a stop signal is received; an ignored signal stays ignored."""
    with _use_handler(_raise):
        yield


@contextmanager
def defer_signals() -> Iterator[None]:
    """Hold back stop signals until the block has ended."""
    kept: list[int] = []
    try:
        with _use_handler(lambda number, frame: kept.append(number)):
            yield
    finally:
        # Only the first: it raises, and a second one would interrupt the clean-up after it.
        for number in kept[:1]:
            signal.raise_signal(number)


def restore_default_handlers() -> None:
    """In a child process: make a stop signal end the process again."""
    for number in _active_signals():
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def _use_handler(handler: Handler) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _active_signals()}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def _active_signals() -> list[int]:
    """The stop signals that are not ignored; empty outside the main thread, since Python sets handlers only there."""
    if threading.current_thread() is not threading.main_thread():
        return []
    return [number for number in STOP_SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]


def _raise(number: int, frame: FrameType | None) -> NoReturn:
    raise StopSignal(signal.Signals(number).name)
