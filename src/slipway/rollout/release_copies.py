"""Clean up a target's copies of releases: remove those that refused and killed rollouts left, restore damaged ones."""

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
    """Remove copies that never were champion and incomplete files of killed commands, and return their names.

    Raises:
        NotFoundError: the target does not exist.
        BusyError: another command holds its lock.
        StorageError: a file cannot be removed.
    """
    with target.lock(who):
        swept = [*atomic.sweep(target.path), *atomic.sweep(target.path / "releases")]
        return [path.name for path in swept] + [name for name in target.unused_releases() if _try_remove(target, name)]


def remove_unused_locked(target: Target) -> None:
    """As ``remove_unused`` for unused copies only, for a caller that holds the target's lock."""
    # The rollout has already ended, so a copy that cannot be removed does not fail it; `slipway doctor` reports it.
    with suppress(StorageError):
        for name in target.unused_releases():
            _try_remove(target, name)


def find_damage(target: Target) -> Iterator[tuple[Entry, str]]:
    """The past champions with a damaged folder, each with the reason; the champion also if its folder is missing."""
    entries = {entry.folder: entry for entry in target.past_champions() if entry.folder}
    present = {*target.releases(), target.champion_folder()}
    for entry in [entry for folder, entry in entries.items() if folder in present]:
        try:
            verify(target.release_path(entry.folder or ""), expected_digest=entry.digest)
        except (BundleError, NotFoundError) as error:
            yield entry, str(error)


def restore(target: Target, entry: Entry, sealed: Path, *, who: str) -> bool:
    """Replace a damaged release by the bundle in ``sealed``; returns False if there is no intact one.

    Raises:
        BusyError: another command holds the target's lock.
        StorageError: the release cannot be written.
    """
    folder = entry.folder or ""
    try:
        twin = verify(sealed / folder, expected_digest=entry.digest)
    except (BundleError, NotFoundError):
        return False
    with target.lock(who):
        # A damaged release cannot be loaded anyway, so removing it before its replacement is in place costs nothing.
        if target.release_path(folder).exists():
            atomic.remove_folder(target.release_path(folder))
        atomic.publish_folder(twin.path, target.release_path(folder))
    return True


def _try_remove(target: Target, name: str) -> bool:
    """Remove a copy, unless a server that has not switched back yet still serves it; returns whether it was removed."""
    digests = {entry.digest for entry in target.entries() if entry.folder == name and entry.digest}
    if not all(wait_until_released(target.path, digest, _WAIT_SECONDS) for digest in digests):
        return False
    atomic.remove_folder(target.release_path(name))
    return True
