"""The copies that refused and killed rollouts leave in a target's ``releases/``."""

from __future__ import annotations

from contextlib import suppress

from slipway.errors import StorageError
from slipway.storage import atomic
from slipway.target.readiness import await_unserved
from slipway.target.target import Target

_LET_GO_SECONDS = 2.0


def clear(target: Target, *, who: str = "clear") -> list[str]:
    """Remove the copies that never were champion and what kills left half-made; returns their names.

    Raises:
        NotFoundError: there is no such target.
        BusyError: another command is at work on it.
        StorageError: something cannot be removed.
    """
    with target.lock(who):
        swept = [*atomic.sweep(target.path), *atomic.sweep(target.path / "releases")]
        return [path.name for path in swept] + [name for name in target.unproved_copies() if _removed(target, name)]


def clear_refused(target: Target) -> None:
    """Remove the copies that never were champion; the caller holds the target's lock."""
    # What cannot be removed now is told by `doctor`; the rollout has ended all the same.
    with suppress(StorageError):
        for name in target.unproved_copies():
            _removed(target, name)


def _removed(target: Target, name: str) -> bool:
    """Remove a copy, unless a server that has yet to turn back still serves it."""
    digests = {entry.digest for entry in target.entries() if entry.folder == name and entry.digest}
    if not all(await_unserved(target.path, digest, _LET_GO_SECONDS) for digest in digests):
        return False
    atomic.remove_folder(target.release(name))
    return True
