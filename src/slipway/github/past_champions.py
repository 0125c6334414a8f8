"""The champion to beat where no target is at hand: the bundles that GitHub's release pages hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from slipway.bundle.release_file import Bundle
from slipway.github.deployments import records
from slipway.github.download import fetch
from slipway.github.releases import bundle_asset, champions, latest

if TYPE_CHECKING:
    from github.Repository import Repository


def opponents(repository: Repository, into: Path, past: int) -> tuple[Bundle | None, list[Bundle]]:
    """The verified champion, and the last ``past`` champions before it that no rollback left behind; newest first.

    Raises:
        BundleError: a page's bytes are not the released ones.
        GitHubError: they could not be downloaded.
    """
    best = latest(repository)
    if best is None:
        return None, []
    bad = {r.record.from_ for r in records(repository) if r.record.action == "rollback" and r.state == "done"}
    older = [
        r for r in champions(repository) if r.tag_name not in {best.tag_name, *bad} and bundle_asset(r) is not None
    ]
    fetched = []
    for release in [best, *older[:past]]:
        folder = into / release.tag_name
        folder.mkdir(parents=True)
        fetched.append(fetch(release, folder)[0])
    return fetched[0], fetched[1:]
