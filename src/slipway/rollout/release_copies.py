"""A target's copies of releases: those that refused and killed rollouts leave are removed, damaged ones restored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from slipway.bundle.release_file import verify
from slipway.errors import BundleError, NotFoundError, StorageError
from slipway.storage import atomic
from slipway.target.journal import Entry
from slipway.target.readiness import wait_until_released
from slipway.target.target import Target

_WAIT_SECONDS = 2.0


def remove_unused(target: Target, *, who: str = "clear") -> list[str]:
    """Remove the copies that never were champion and what kills left half-made; returns their names.

    Raises:
        NotFoundError: there is no such target.
        BusyError: another command is at work on it.
        StorageError: something cannot be removed.
    """
    with target.lock(who):
        swept = [*atomic.sweep(target.path), *atomic.sweep(target.path / "releases")]
        return [path.name for path in swept] + [name for name in target.unused_releases() if _try_remove(target, name)]


def remove_unused_locked(target: Target) -> None:
    """Remove the copies that never were champion; the caller holds the target's lock."""
    # What cannot be removed now is told by `doctor`; the rollout has ended all the same.
    with suppress(StorageError):
        for name in target.unused_releases():
            _try_remove(target, name)


def find_damage(target: Target) -> Iterator[tuple[Entry, str]]:
    """The past champions whose folder is here but not whole, and why; the champion's also where it is gone."""
    entries = {entry.folder: entry for entry in target.past_champions() if entry.folder}
    here = {*target.releases(), target.champion_folder()}
    for entry in [entry for folder, entry in entries.items() if folder in here]:
        try:
            verify(target.release_path(entry.folder or ""), expected_digest=entry.digest)
        except (BundleError, NotFoundError) as error:
            yield entry, str(error)


def restore(target: Target, entry: Entry, sealed: Path, *, who: str) -> bool:
    """Replace a damaged release by its sealed twin; returns whether there is a whole one.

    What is damaged can be loaded by nobody, so that it is gone for a moment takes nothing away.

    Raises:
        BusyError: another command is at work on the target.
        StorageError: it cannot be written.
    """
    folder = entry.folder or ""
    try:
        twin = verify(sealed / folder, expected_digest=entry.digest)
    except (BundleError, NotFoundError):
        return False
    with target.lock(who):
        if target.release_path(folder).exists():
            atomic.remove_folder(target.release_path(folder))
        atomic.publish_folder(twin.path, target.release_path(folder))
    return True


def _try_remove(target: Target, name: str) -> bool:
    """Remove a copy, unless a server that has yet to turn back still serves it."""
    digests = {entry.digest for entry in target.entries() if entry.folder == name and entry.digest}
    if not all(wait_until_released(target.path, digest, _WAIT_SECONDS) for digest in digests):
        return False
    atomic.remove_folder(target.release_path(name))
    return True
