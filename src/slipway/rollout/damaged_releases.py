"""Putting back the exact bytes of a past champion that were damaged in the target, from the bundle that was sealed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from slipway.bundle.release_file import verify
from slipway.errors import BundleError, NotFoundError
from slipway.storage import atomic
from slipway.target.journal import Entry
from slipway.target.target import Target


def damaged(target: Target) -> Iterator[tuple[Entry, str]]:
    """The past champions whose folder is here but not whole, and why; the champion's also where it is gone."""
    entries = {entry.folder: entry for entry in target.past_champions() if entry.folder}
    here = {*target.releases(), target.champion_folder()}
    for entry in [entry for folder, entry in entries.items() if folder in here]:
        try:
            verify(target.release(entry.folder or ""), expected_digest=entry.digest)
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
        if target.release(folder).exists():
            atomic.remove_folder(target.release(folder))
        atomic.publish_folder(twin.path, target.release(folder))
    return True
