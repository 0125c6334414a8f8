"""Locate a project's sealed bundles, and provide the lock that allows only one `slipway ship` at a time."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.errors import BusyError, StorageError
from slipway.settings.settings import STATE
from slipway.storage.locks import exclusive_lock

if TYPE_CHECKING:
    from slipway.settings.settings import Settings


def bundles_folder(settings: Settings) -> Path:
    """Return the folder of sealed bundles, each in a subfolder named as in a target."""
    return settings.root / STATE / "bundles"


def ship_lock(settings: Settings) -> AbstractContextManager[None]:
    """Return a lock that allows one `slipway ship` at a time in this checkout.

    Raises:
        BusyError: another `slipway ship` is running.
        StorageError: the lock file cannot be written.
    """
    state = settings.root / STATE
    return exclusive_lock(
        state / "ship.lock",
        "slipway ship",
        busy_error=lambda _: BusyError(f"another `slipway ship` is running in {settings.root}; nothing was started"),
        unwritable_error=lambda error: StorageError(
            f"{state} cannot be written: {error.strerror}; nothing was started"
        ),
    )
