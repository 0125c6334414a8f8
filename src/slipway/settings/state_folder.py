"""Where a project keeps what it made, and the lock of those who make it."""

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
    """Where sealed bundles are kept, in folders named as in a target."""
    return settings.root / STATE / "bundles"


def ship_lock(settings: Settings) -> AbstractContextManager[None]:
    """Be the only ship of this checkout.

    Raises:
        BusyError: another one runs.
        StorageError: the lock cannot be written.
    """
    state = settings.root / STATE
    return exclusive_lock(
        state / "ship.lock",
        "slipway ship",
        busy_error=lambda _: BusyError(f"another `slipway ship` runs in {settings.root}; nothing was started"),
        unwritable_error=lambda error: StorageError(
            f"{state} cannot be written: {error.strerror}; nothing was started"
        ),
    )
