"""Determine the version of a checkout: the release of its tag, or a pre-release of the next one."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from slipway.errors import ReleaseError, VersionError
from slipway.versioning.git.command import last_line, run
from slipway.versioning.semver import newest_release, parse_tag

FIRST_VERSION = "1.0.0"
_RELEASE_BRANCH = re.compile(r"origin/(main|master|\d+(\.\d+)?\.x)")


class Version(msgspec.Struct, frozen=True):
    """A semantic version and its commit; ``exact`` is true only at a release tag without any change."""

    text: str
    commit: str
    dirty: bool
    exact: bool


def version_of(root: Path, *, overridden: bool = False) -> Version:
    """Return the version of the checkout at ``root``; settings ``overridden`` for one run count as a change.

    At an unchanged ``vX.Y.Z`` it is ``X.Y.Z``; elsewhere it is a pre-release of the next patch, such as
    ``1.4.1-dev.3+g1a2b3c4.dirty`` three commits after ``v1.4.0``.

    Raises:
        VersionError: git is not installed, ``root`` is not in a working tree, or there is no commit yet.
    """
    commit = _commit(root)
    # A tag determines code, settings and data; with settings that are not committed the result is not that release.
    dirty = overridden or bool(_git(root, "status", "--porcelain"))
    tag = newest_release(_git(root, "tag", "--points-at", "HEAD").split())
    if tag and not dirty:
        return Version(tag[1:], commit, dirty=False, exact=True)
    last = newest_release(_git(root, "tag", "--merged", "HEAD").split())
    commits = _git(root, "rev-list", "--count", f"refs/tags/{last}..HEAD" if last else "HEAD")
    upcoming = str(parse_tag(last).bump_patch()) if last else FIRST_VERSION
    text = f"{upcoming}-dev.{commits}+g{commit[:7]}{'.dirty' if dirty else ''}"
    return Version(text, commit, dirty, exact=False)


def check_checkout(root: Path, tag: str) -> None:
    """Check that the tag's commit is checked out, unchanged, and on a release branch.

    Raises:
        VersionError: another commit is checked out, there are changes, or the tag is not on a release branch.
    """
    version = version_of(root)
    if not version.exact or f"v{version.text}" != tag:
        raise VersionError(f"{tag} is not checked out in {root}, which is at {version.text}; nothing was changed")
    branches = _git(root, "branch", "--remotes", "--contains", "HEAD", "--format", "%(refname:short)").splitlines()
    if not any(_RELEASE_BRANCH.fullmatch(branch) for branch in branches):
        found = ", ".join(branches) or "none"
        raise VersionError(
            f"{tag} is not on a release branch such as main (branches that contain it: {found}); nothing was changed"
        )


def _commit(root: Path) -> str:
    _git(root, "rev-parse", "--show-toplevel")
    try:
        return _git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    except VersionError:
        raise VersionError(f"{root} has no commits yet, so it has no version; make a commit first") from None


def _git(root: Path, *arguments: str) -> str:
    try:
        done = run(root, *arguments)
    except ReleaseError:
        raise VersionError("git is not installed, but the version is read from git tags; install git") from None
    if done.returncode:
        raise VersionError(f"the version of {root} cannot be determined: {last_line(done.stderr)}")
    return done.stdout.strip()
