"""Lock files. The kernel releases a lock when its process ends, so a killed process leaves nothing locked.

``exclusive_lock`` keeps a second command out and reports which process is running; ``hold_lock`` proves that a process
is alive; ``claim_slot`` gives each of several workers a number; ``is_held`` and ``lock_holder`` only check.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import BufferedRandom
from itertools import count
from pathlib import Path

from slipway.errors import SlipwayError, StorageError

_POLL_INTERVAL = 0.02
_DEFAULT_TIMEOUT = 0.2
"""Seconds to keep trying: a process that only checks the lock (``is_held``) takes it for an instant."""
_UNKNOWN_HOLDER = "another process"


@contextmanager
def exclusive_lock(
    path: Path,
    owner: str,
    *,
    busy_error: Callable[[str], SlipwayError],
    unwritable_error: Callable[[OSError], SlipwayError] | None = None,
    timeout: float = _DEFAULT_TIMEOUT,
    remove: bool = False,
) -> Iterator[None]:
    """Hold the lock until the block ends. The folder is kept, and so is the lock file unless ``remove`` says otherwise.

    Args:
        path: the lock file; it is created if it does not exist.
        owner: what this process is doing, for the error of a process that finds the lock held.
        busy_error: creates the error to raise if another process holds the lock, from that process's description.
        unwritable_error: creates the error to raise if the file cannot be written; by default a ``StorageError``.
        timeout: seconds to wait for a lock that is held.
        remove: remove the lock file at the end, while the lock is still held.
    """
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = _lock_file(path, stack, busy_error, timeout)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} of {owner}".encode(), 0)
        except OSError as error:
            if unwritable_error is not None:
                raise unwritable_error(error) from None
            raise StorageError(f"{path.parent} cannot be written: {error.strerror}; nothing was changed") from None
        if remove:
            # Called before the descriptor is closed, so the file is removed by the process that holds the lock.
            stack.callback(_remove_held, descriptor, path)
        yield


def hold_lock(path: Path) -> int:
    """Lock a file until this process (and every process that it forks) ends, or the returned descriptor is closed."""
    descriptor = _open(path)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def claim_slot(folder: Path, name: str) -> tuple[int, BufferedRandom]:
    """Lock the file with the lowest number that no living process holds, until the returned file is closed.

    Args:
        folder: the folder of the lock files.
        name: the pattern of their names, such as ``worker-{}.lock``.
    """
    for number in count():
        file = (folder / name.format(number)).open("a+b")
        if _acquire(file.fileno(), 0):
            return number, file
        file.close()
    raise AssertionError("count() has no end")


def is_held(path: Path) -> bool:
    """Return whether a living process holds the lock of this file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two processes that check at the same time do not take each other for the holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def lock_holder(path: Path) -> str | None:
    """Return the process that holds an ``exclusive_lock``, or None; nothing is written."""
    return (path.read_text(errors="replace") or _UNKNOWN_HOLDER) if is_held(path) else None


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _lock_file(path: Path, stack: ExitStack, busy_error: Callable[[str], SlipwayError], timeout: float) -> int:
    while True:
        descriptor = _open(path)
        stack.callback(os.close, descriptor)
        if not _acquire(descriptor, timeout):
            raise busy_error(os.pread(descriptor, 1000, 0).decode(errors="replace") or _UNKNOWN_HOLDER)
        # The last holder can have removed the file after it was opened here. That lock is worth nothing, because the next
        # process creates and locks a new file.
        if _is_at(descriptor, path):
            return descriptor


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _remove_held(descriptor: int, path: Path) -> None:
    # A lock file that cannot be removed must not fail work that is done.
    with suppress(OSError):
        if _is_at(descriptor, path):
            path.unlink()


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
