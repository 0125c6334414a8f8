"""What deploy.yml has still to do for a tag, found out before anything is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from slipway.github.release_page import REFUSED
from slipway.github.releases import bundle_asset, champions, find_published, latest
from slipway.versioning.semver import parse_tag

if TYPE_CHECKING:
    from github.Repository import Repository

State = Literal["new", "published", "champion", "replaced", "refused", "superseded"]
WORDS: dict[State, str] = {
    "new": "it is to be trained",
    "published": "it is published and waits to be made champion",
    "champion": "it is the champion already; nothing is to be done",
    "replaced": "it was champion and was replaced; a rerun does not undo that",
    "refused": "the gate refused it; the fix is the next version",
    "superseded": "a newer release was champion before; nothing is to be done",
}


def state_of(repository: Repository, tag: str) -> State:
    """How far the release of a tag has come, by what its page says."""
    page, champion = find_published(repository, tag), latest(repository)
    if champion is not None and champion.tag_name == tag:
        return "champion"
    if page is not None and not page.prerelease:
        return "replaced"
    if page is not None and (bundle_asset(page) is None or (page.name or "").endswith(REFUSED)):
        return "refused"
    if any(parse_tag(past.tag_name) > parse_tag(tag) for past in champions(repository)):
        return "superseded"
    return "new" if page is None else "published"
