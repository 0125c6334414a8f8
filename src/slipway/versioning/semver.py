"""Parse release tags and compare versions; the order of versions is that of the library ``semver``."""

from __future__ import annotations

import re
from collections.abc import Iterable

from semver import Version

from slipway.contract.compatibility import Level
from slipway.errors import SettingsError

_TAG = re.compile(r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_FIRST = Version(1)


def is_release_tag(tag: str) -> bool:
    """Return whether the name is a release tag, ``vX.Y.Z``."""
    return bool(_TAG.fullmatch(tag))


def parse_tag(tag: str) -> Version:
    """Return the semantic version of a tag."""
    return Version.parse(tag.removeprefix("v"))


def newest_release(tags: Iterable[str]) -> str:
    """Return the highest release among tag names; the empty string if none is a release."""
    return max(filter(is_release_tag, tags), key=parse_tag, default="")


def tag_of(text: str) -> str:
    """Return the tag ``vX.Y.Z`` for ``X.Y.Z`` or ``vX.Y.Z``; every workflow input is checked by this function.

    Raises:
        SettingsError: the text is anything else.
    """
    tag = text if text.startswith("v") else f"v{text}"
    if not is_release_tag(tag):
        raise SettingsError(f"{text[:80]!r} is not a release; it must be X.Y.Z or vX.Y.Z with whole numbers")
    return tag


def bump_between(before: str, after: str) -> Level:
    """Return the bump between two versions; from a pre-release of 1.0.0, any later release counts as major."""
    was, new = Version.parse(before), Version.parse(after).finalize_version()
    old = was.finalize_version()
    # Before the first release no caller relied on anything, so the first release covers every change.
    if was.prerelease and old == _FIRST and new >= old:
        return "major"
    if new <= old:
        return "none"
    return "major" if new.major > old.major else "minor" if new.minor > old.minor else "patch"


def smallest_bump(before: str, level: Level) -> str:
    """Return the smallest version with such a bump."""
    old = Version.parse(before).finalize_version()
    bumped = {"major": old.bump_major, "minor": old.bump_minor, "patch": old.bump_patch}
    return str(bumped[level]() if level in bumped else old)
