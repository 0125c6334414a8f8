"""Which release is "Latest".

GitHub keeps a pin. It moves to a full release that is published (``make_latest`` is "true" by default then) and to one
whose edit says ``make_latest=true``, however old it is; turning a pre-release into a full release alone does not move
it. "false" on the pinned release, "legacy", deleting it or making it a pre-release take the pin away. Without a pin the
old rule holds: the newest full release by the date of its commit, and by semantic version where dates are equal.
"""

from __future__ import annotations

import re
from typing import Any

from .messages import Fields, invalid, malformed, wrong
from .records import Release
from .repository import Repository

CHOICES = ("true", "false", "legacy")


def latest(repository: Repository) -> Release | None:
    """The latest release, or None when no full release is published."""
    full = [release for release in repository.releases if not (release.draft or release.prerelease)]
    pinned = [release for release in full if release.id == repository.pinned_latest]
    return pinned[0] if pinned else max(full, key=_age_then_version, default=None)


def wish(fields: Fields) -> str | None:
    """``make_latest`` as asked for, or None; raises 422 for anything but the three texts."""
    if "make_latest" not in fields:
        return None
    value = fields.text("make_latest")
    if value not in CHOICES:
        raise malformed("properties/make_latest", value, f"a member of {list(CHOICES)}")
    return value


def refuse_latest(make_latest: str | None, draft: bool, prerelease: bool) -> None:
    """422 when a draft or a pre-release is to be latest."""
    if make_latest == "true" and (draft or prerelease):
        raise invalid(wrong("Release", "custom", message="Latest release cannot be draft or prerelease."))


def settle(repository: Repository, release: Release, make_latest: str | None, published: bool) -> None:
    """Move or lift the pin after a change of that release; ``published`` when this very change published it."""
    full = not (release.draft or release.prerelease)
    if make_latest is None and published:
        make_latest = "true"
    if make_latest == "true" and full:
        repository.pinned_latest = release.id
    elif make_latest == "legacy" or (repository.pinned_latest == release.id and (make_latest == "false" or not full)):
        repository.pinned_latest = None


def _age_then_version(release: Release) -> tuple[Any, ...]:
    numbers = [int(part) for part in re.findall(r"\d+", release.tag_name)[:3]]
    return (release.created_at, numbers, release.id)
