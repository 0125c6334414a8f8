"""Whom a candidate must beat: the champion, and the best of the last ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from slipway.bundle.release_file import Bundle, verify
from slipway.settings.settings import Settings
from slipway.target.target import Target, target_of

RECENT = 3
Opponents = tuple[Bundle | None, Sequence[Bundle]]
"""The champion, and the last ones before it."""


@contextmanager
def opponents_of(settings: Settings, *, github: bool = False) -> Iterator[Opponents]:
    """Those of the local target, or those that GitHub has, which are here for as long as the block lasts.

    Raises:
        BundleError: the bytes of one are not the sealed ones.
        GitHubError: they could not be downloaded.
    """
    if not github:
        target = target_of(settings)
        yield target.champion(), recent_champions(target)
        return
    from slipway.github.baselines import opponents
    from slipway.github.client import connect

    with TemporaryDirectory(prefix="slipway-opponents-") as folder:
        yield opponents(connect(), Path(folder))


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
