"""The releases that a target served before."""

from __future__ import annotations

from slipway.bundle.release_file import Bundle, verify
from slipway.target.target import Target

RECENT = 3


def recent_champions(target: Target) -> list[Bundle]:
    """The last champions that are still here and were never marked bad, newest first.

    Raises:
        BundleError: the bytes of one are not the sealed ones.
    """
    bad, here, folders = target.bad_releases(), target.releases(), dict.fromkeys(
        entry.folder for entry in reversed(target.past_champions()) if entry.folder
    )  # fmt: skip
    kept = [folder for folder in folders if folder in here and folder not in bad and folder != target.champion_folder()]
    return [verify(target.release(folder)) for folder in kept[:RECENT]]
