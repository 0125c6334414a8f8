"""Stopping in good order: a signal to end becomes an exception, and cannot come between a fork and its record."""

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
    """One of ``SIGNALS`` came; it is named by its text."""


@contextmanager
def raise_on_signals() -> Iterator[None]:
    """Raise ``Stopped`` where the program is when a signal to end comes; a signal that is ignored stays ignored."""
    with _use_handler(_raise):
        yield


@contextmanager
def defer_signals() -> Iterator[None]:
    """Keep signals to end until the block is over."""
    kept: list[int] = []
    try:
        with _use_handler(lambda number, frame: kept.append(number)):
            yield
    finally:
        for number in kept[:1]:
            signal.raise_signal(number)


def restore_default_handlers() -> None:
    """In a child: a signal to end just ends it."""
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
    """The signals that are not ignored; only the main thread may handle any."""
    if threading.current_thread() is not threading.main_thread():
        return []
    return [number for number in STOP_SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]


def _raise(number: int, frame: FrameType | None) -> NoReturn:
    raise StopSignal(signal.Signals(number).name)
