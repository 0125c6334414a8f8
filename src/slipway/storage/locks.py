"""File locks. Each dies with its process, so nothing is ever locked by one that was killed.

There is one for each need: ``exclusive`` keeps a second command out and tells it who is at work; ``hold`` proves that a
process still lives; ``claim_slot`` gives each of several workers a number; ``is_held`` and ``holder`` only look.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedRandom
from itertools import count
from pathlib import Path

from slipway.errors import SlipwayError, StorageError

_POLL_INTERVAL = 0.02
_DEFAULT_TIMEOUT = 0.2
"""The seconds for which a lock is asked again: one who only looks whether it is held takes it for an instant."""
_UNKNOWN_HOLDER = "another process"


@contextmanager
def exclusive_lock(
    path: Path,
    owner: str,
    *,
    busy_error: Callable[[str], SlipwayError],
    unwritable_error: Callable[[OSError], SlipwayError] | None = None,
    timeout: float = _DEFAULT_TIMEOUT,
) -> Iterator[None]:
    """Be the only one at work until the block ends. The file stays, and so does its folder.

    Args:
        who: what this process is doing, which the next one is told.
        busy: the error to raise while another process holds the lock, made from what that one wrote of itself.
        unwritable: the error to raise where the file cannot be written; by default a ``StorageError``.
        patience: the seconds after which to give up on a lock that is held.
    """
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = _open(path)
            stack.callback(os.close, descriptor)
            if not _acquire(descriptor, timeout):
                raise busy_error(os.pread(descriptor, 1000, 0).decode(errors="replace") or _UNKNOWN_HOLDER)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} of {owner}".encode(), 0)
        except OSError as error:
            if unwritable_error is not None:
                raise unwritable_error(error) from None
            raise StorageError(f"{path.parent} cannot be written: {error.strerror}; nothing was changed") from None
        yield


def hold_lock(path: Path) -> int:
    """Lock a file until this process (and any it forks) ends, or the returned descriptor is closed."""
    descriptor = _open(path)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def claim_slot(folder: Path, name: str) -> tuple[int, BufferedRandom]:
    """Lock the file of the lowest number that no living process holds, until the returned file is closed.

    Args:
        name: what the files are called, such as ``worker-{}.lock``.
    """
    for number in count():
        file = (folder / name.format(number)).open("a+b")
        if _acquire(file.fileno(), 0):
            return number, file
        file.close()
    raise AssertionError("count() has no end")


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


def lock_holder(path: Path) -> str | None:
    """Who holds an ``exclusive`` lock now, if anyone does; nothing is written."""
    return (path.read_text(errors="replace") or _UNKNOWN_HOLDER) if is_held(path) else None


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _acquire(descriptor: int, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_INTERVAL)
        else:
            return True
