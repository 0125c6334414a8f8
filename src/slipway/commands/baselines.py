"""Whom a candidate must beat: the champion, and the best of the last ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from slipway.bundle.release_file import Bundle
from slipway.settings.settings import Settings
from slipway.target.target import RECENT, recent_champions, target_of

Opponents = tuple[Bundle | None, Sequence[Bundle]]
"""The champion, and the last ones before it."""


@contextmanager
def opponents_of(settings: Settings, *, github: bool = False, repository: str | None = None) -> Iterator[Opponents]:
    """Those of the local target, or those that GitHub has, which are here for as long as the block lasts.

    Args:
        repository: GitHub's ``owner/name``, by default that of the checkout.

    Raises:
        BundleError: the bytes of one are not the sealed ones.
        GitHubError: they could not be downloaded.
    """
    if not github:
        target = target_of(settings)
        yield target.champion(), recent_champions(target)
        return
    from slipway.github.client import connect
    from slipway.github.download import opponents

    with TemporaryDirectory(prefix="slipway-opponents-") as folder:
        yield opponents(connect(repository), Path(folder), RECENT)
