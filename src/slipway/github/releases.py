"""Read GitHub's release pages: published releases, past champions, Latest, and what is left to do for a tag."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from slipway.bundle.release_assets import BUNDLE_SUFFIX
from slipway.errors import NotFoundError
from slipway.github.client import github_errors
from slipway.versioning.semver import is_release_tag, parse_tag

if TYPE_CHECKING:
    from github.GitRelease import GitRelease
    from github.Repository import Repository

REFUSED_SUFFIX = " (refused by the gate)"
"""The end of a refused release's title, by which ``state_of`` recognizes it."""
State = Literal["new", "published", "champion", "replaced", "refused", "superseded"]
STATE_SENTENCES: dict[State, str] = {
    "new": "not trained yet",
    "published": "published, waiting to be promoted to champion",
    "champion": "already the champion; nothing to do",
    "replaced": "a past champion that was replaced; a rerun does not undo that",
    "refused": "refused by the gate; the fix gets the next version",
    "superseded": "a newer release has been champion; nothing to do",
}
"""What deploy.yml still has to do for a tag; read before anything is trained."""


def releases_of(repository: Repository) -> list[GitRelease]:
    """Every release with a version tag, newest version first; includes drafts if the token has write access."""
    with github_errors("the releases cannot be listed"):
        found = [release for release in repository.get_releases() if is_release_tag(release.tag_name)]
    return sorted(found, key=lambda release: parse_tag(release.tag_name), reverse=True)


def get_published(repository: Repository, tag: str) -> GitRelease:
    """The published release of a tag.

    Raises:
        NotFoundError: the tag has no published release.
    """
    if (release := find_published(repository, tag)) is None:
        raise NotFoundError(f"GitHub has no published release {tag}; deploy.yml publishes it after it has been tagged")
    return release


def find_published(repository: Repository, tag: str) -> GitRelease | None:
    """The published release of a tag; None if there is none."""
    found: GitRelease | None = _read_or_none(partial(repository.get_release, tag), f"{tag} cannot be read")
    return found


def latest_release(repository: Repository) -> GitRelease | None:
    """The release that GitHub marks as Latest, which is the champion; None before the first one."""
    found = _read_or_none(repository.get_latest_release, "the latest release cannot be read")
    return found if found is not None and is_release_tag(found.tag_name) else None


def champions(repository: Repository) -> list[GitRelease]:
    """The current and past champions (published and not a pre-release), newest version first."""
    return [release for release in releases_of(repository) if not release.draft and not release.prerelease]


def state_of(repository: Repository, tag: str) -> State:
    """The state of a tag's release, according to its page."""
    page, champion = find_published(repository, tag), latest_release(repository)
    if champion is not None and champion.tag_name == tag:
        return "champion"
    if page is not None and not page.prerelease:
        return "replaced"
    if page is not None and (bundle_asset(page) is None or (page.name or "").endswith(REFUSED_SUFFIX)):
        return "refused"
    if any(parse_tag(past.tag_name) > parse_tag(tag) for past in champions(repository)):
        return "superseded"
    return "new" if page is None else "published"


def bundle_asset(release: GitRelease) -> Any | None:
    """The asset with the sealed bundle; None if the release was refused."""
    return next((asset for asset in assets_of(release) if asset.name.endswith(BUNDLE_SUFFIX)), None)


def assets_of(release: GitRelease) -> Iterator[Any]:
    """Every asset of a release."""
    with github_errors(f"the assets of {release.tag_name} cannot be listed"):
        yield from release.get_assets()


def _read_or_none(read: Any, what: str) -> Any:
    from github import UnknownObjectException

    with github_errors(what):
        try:
            return read().complete()  # the client is lazy: without this, a missing release fails only when it is used
        except UnknownObjectException:
            return None
