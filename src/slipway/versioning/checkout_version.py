"""Which version this checkout is: the release of its tag, or a pre-release of the one that would come next."""

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
    """A semantic version and the commit that it names; ``exact`` only at a release's tag without any change."""

    text: str
    commit: str
    dirty: bool
    exact: bool


def version_of(root: Path, *, overridden: bool = False) -> Version:
    """The version of the checkout at ``root``; with settings ``overridden`` for one run it is a changed one.

    At an unchanged ``vX.Y.Z`` it is ``X.Y.Z``; elsewhere the next patch as a pre-release, such as
    ``1.4.1-dev.3+g1a2b3c4.dirty`` three commits after ``v1.4.0``.

    Raises:
        VersionError: git is not there, ``root`` is in no working tree, or nothing was ever committed.
    """
    commit = _commit(root)
    # A tag alone says code, settings and data: with other settings than the committed ones it is no release.
    dirty = overridden or bool(_git(root, "status", "--porcelain"))
    here = newest_release(_git(root, "tag", "--points-at", "HEAD").split())
    if here and not dirty:
        return Version(here[1:], commit, dirty=False, exact=True)
    last = newest_release(_git(root, "tag", "--merged", "HEAD").split())
    commits = _git(root, "rev-list", "--count", f"refs/tags/{last}..HEAD" if last else "HEAD")
    upcoming = str(parse_tag(last).bump_patch()) if last else FIRST_VERSION
    text = f"{upcoming}-dev.{commits}+g{commit[:7]}{'.dirty' if dirty else ''}"
    return Version(text, commit, dirty, exact=False)


def check_checkout(root: Path, tag: str) -> None:
    """Is the tag's commit checked out, unchanged, and on a branch that releases?

    Raises:
        VersionError: another commit is checked out, or the tag was put on no such branch.
    """
    version = version_of(root)
    if not version.exact or f"v{version.text}" != tag:
        raise VersionError(f"{tag} is not checked out in {root}, which is at {version.text}; nothing was done")
    branches = _git(root, "branch", "--remotes", "--contains", "HEAD", "--format", "%(refname:short)").splitlines()
    if not any(_RELEASE_BRANCH.fullmatch(branch) for branch in branches):
        found = ", ".join(branches) or "no branch"
        raise VersionError(f"{tag} is on {found} and not on main, so it was not released from there; nothing was done")


def _commit(root: Path) -> str:
    _git(root, "rev-parse", "--show-toplevel")
    try:
        return _git(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    except VersionError:
        raise VersionError(f"{root} has no commit yet, so it has no version; commit it first") from None


def _git(root: Path, *arguments: str) -> str:
    try:
        done = run(root, *arguments)
    except ReleaseError:
        raise VersionError("git is not installed, and a version is read from git's tags; install it") from None
    if done.returncode:
        raise VersionError(f"no version for {root}: git says: {last_line(done.stderr)}")
    return done.stdout.strip()
