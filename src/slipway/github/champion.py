"""GitHub's champion on this machine, for one job: downloaded, verified and vouched for, and no target is touched."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.bundle.release_file import Bundle
from slipway.bundle.signature import Trust, check
from slipway.errors import NotFoundError
from slipway.github.download import fetch
from slipway.github.releases import latest

if TYPE_CHECKING:
    from github.Repository import Repository


def fetch_champion(repository: Repository, into: Path, trust: Trust) -> Bundle:
    """The bundle of the release that is Latest, unpacked into a folder of its own in ``into``.

    Raises:
        NotFoundError: GitHub has no champion yet.
        BundleError: the bytes are not the released ones.
        SignatureError: it is not signed by one who is trusted.
        GitHubError: it could not be downloaded.
    """
    release = latest(repository)
    if release is None:
        raise NotFoundError("GitHub has no champion yet; deploy.yml makes the first one")
    folder = into / release.tag_name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    bundle, signature = fetch(release, folder)
    check(bundle, trust=trust, signature=signature)
    return bundle
