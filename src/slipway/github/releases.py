"""What GitHub's release pages say: which versions are published, which were champions, and which one is Latest."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from slipway.bundle.archive import BUNDLE_SUFFIX
from slipway.errors import NotFoundError
from slipway.github.client import told_plainly
from slipway.versioning.semver import is_release_tag, parse_tag

if TYPE_CHECKING:
    from github.GitRelease import GitRelease
    from github.Repository import Repository


def releases_of(repository: Repository) -> list[GitRelease]:
    """Every release of ours that the token may see, drafts too where it may write; the newest version first."""
    with told_plainly("the releases cannot be listed"):
        found = [release for release in repository.get_releases() if is_release_tag(release.tag_name)]
    return sorted(found, key=lambda release: parse_tag(release.tag_name), reverse=True)


def published(repository: Repository, tag: str) -> GitRelease:
    """The published release of a tag.

    Raises:
        NotFoundError: there is none.
    """
    if (release := find_published(repository, tag)) is None:
        raise NotFoundError(f"GitHub has no published release {tag}; deploy.yml publishes it, once it was tagged")
    return release


def find_published(repository: Repository, tag: str) -> GitRelease | None:
    """The published release of a tag, if there is one."""
    found: GitRelease | None = _unless_missing(partial(repository.get_release, tag), f"{tag} cannot be read")
    return found


def latest(repository: Repository) -> GitRelease | None:
    """The release that GitHub calls Latest, which is the champion; None before the first."""
    found = _unless_missing(repository.get_latest_release, "the latest release cannot be read")
    return found if found is not None and is_release_tag(found.tag_name) else None


def champions(repository: Repository) -> list[GitRelease]:
    """The releases that are or once were champion (published, and no pre-release), the newest version first."""
    return [release for release in releases_of(repository) if not release.draft and not release.prerelease]


def bundle_asset(release: GitRelease) -> Any | None:
    """The sealed bundle among a release's assets; a refused release has none."""
    return next((asset for asset in assets_of(release) if asset.name.endswith(BUNDLE_SUFFIX)), None)


def assets_of(release: GitRelease) -> Iterator[Any]:
    """Every asset of a release."""
    with told_plainly(f"the assets of {release.tag_name} cannot be listed"):
        yield from release.get_assets()


def _unless_missing(read: Any, what: str) -> Any:
    from github import UnknownObjectException

    with told_plainly(what):
        try:
            return read().complete()
        except UnknownObjectException:
            return None
