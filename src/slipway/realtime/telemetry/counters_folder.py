"""Where the workers of one server share their cells. Without numpy, for the parent process makes it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slipway.storage.locks import hold_lock, is_held

_PREFIX = "slipway-metrics-"
_LOCK = "server.lock"
_YOUNG_SECONDS = 60
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a folder in it that only we can enter


@contextmanager
def counters_folder() -> Iterator[Path]:
    """A folder for the workers of one server, in memory where the machine allows; it is gone after the block."""
    place = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    _remove_stale(place)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=place, ignore_cleanup_errors=True) as folder:
        lock = hold_lock(Path(folder, _LOCK))
        try:
            yield Path(folder)
        finally:
            os.close(lock)


def _remove_stale(place: Path) -> None:
    """Remove the folders of servers that were killed, which nobody else will."""
    for folder in place.glob(f"{_PREFIX}*"):
        lock = folder / _LOCK
        with contextlib.suppress(OSError):
            # A younger one may be of a server that is about to lock it.
            if time.time() - lock.stat().st_mtime > _YOUNG_SECONDS and not is_held(lock):
                shutil.rmtree(folder, ignore_errors=True)
