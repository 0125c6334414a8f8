"""Creates the folder of the counters that the workers of one server share.

The parent process imports this module, so it must not import numpy.
"""

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
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp creates a folder in it that only this user can enter


@contextmanager
def counters_folder() -> Iterator[Path]:
    """Create a folder for the workers of one server, in memory if possible; it is removed after the block."""
    parent = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    _remove_stale(parent)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent, ignore_cleanup_errors=True) as folder:
        lock = hold_lock(Path(folder, _LOCK))
        try:
            yield Path(folder)
        finally:
            os.close(lock)


def _remove_stale(parent: Path) -> None:
    """Remove the folders of servers that were killed before they could do it themselves."""
    for folder in parent.glob(f"{_PREFIX}*"):
        lock = folder / _LOCK
        with contextlib.suppress(OSError):
            # A young folder can belong to a server that has not locked it yet.
            if time.time() - lock.stat().st_mtime > _YOUNG_SECONDS and not is_held(lock):
                shutil.rmtree(folder, ignore_errors=True)
