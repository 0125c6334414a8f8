"""A lock that one command holds on a place. It dies with its process, and names it to those who come too late."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom
from itertools import count
from pathlib import Path

_PAUSE = 0.02
_INSTANT = 0.2
"""The seconds for which a lock is asked again: one who only looks whether it is held takes it for an instant."""


class Held(Exception):
    """Another process holds the lock; the text is what it wrote of itself."""


def holder(path: Path) -> str | None:
    """Who holds a lock now, if anyone does; nothing is written."""
    return (path.read_text(errors="replace") or "another process") if is_held(path) else None


@contextmanager
def locked(path: Path, who: str, patience: float = _INSTANT) -> Iterator[None]:
    """Hold a lock until the block ends.

    Args:
        patience: the seconds after which a lock that is not let go is given up.

    Raises:
        Held: another process holds it.
        OSError: its file cannot be written.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if not _taken(descriptor, patience):
            raise Held(os.pread(descriptor, 1000, 0).decode(errors="replace") or "another process")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} of {who}".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE)
        else:
            return True


def hold(path: Path) -> int:
    """Lock a file until this process (and any it forks) ends, or the returned descriptor is closed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def is_held(path: Path) -> bool:
    """Does a living process hold the lock of this file?"""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who ask at the same time do not take each other for the holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def claim(folder: Path, name: str) -> tuple[int, BufferedRandom]:
    """Lock the file of the lowest number that no living process holds, until the returned file is closed.

    Args:
        name: what the files are called, such as ``worker-{}.lock``.
    """
    for number in count():
        file = (folder / name.format(number)).open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
        else:
            return number, file
    raise AssertionError("count() has no end")
