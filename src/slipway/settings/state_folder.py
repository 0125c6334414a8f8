"""Where a project keeps what it made, and the lock of those who make it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.errors import BusyError, StorageError
from slipway.settings.settings import STATE
from slipway.storage.locks import Held, locked

if TYPE_CHECKING:
    from slipway.settings.settings import Settings


def bundles(settings: Settings) -> Path:
    """Where sealed bundles are kept, in folders named as in a target."""
    return settings.root / STATE / "bundles"


@contextmanager
def only_ship(settings: Settings) -> Iterator[None]:
    """Be the only ship of this checkout; the lock dies with its process.

    Raises:
        BusyError: another one runs.
        StorageError: the lock cannot be written.
    """
    state = settings.root / STATE
    with ExitStack() as stack:
        try:
            state.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(state / "ship.lock", "slipway ship"))
        except Held:
            raise BusyError(f"another `slipway ship` runs in {settings.root}; nothing was started") from None
        except OSError as error:
            raise StorageError(f"{state} cannot be written: {error.strerror}; nothing was started") from None
        yield
