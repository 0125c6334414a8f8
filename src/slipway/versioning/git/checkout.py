"""Inspect a git checkout: its commit, branch, release tags and changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slipway.errors import ReleaseError
from slipway.versioning.git.command import git, run
from slipway.versioning.semver import newest_release

_SHOWN_FILES = 5


@dataclass(frozen=True)
class Checkout:
    """A repository at a commit; ``branch`` is empty for a detached HEAD, ``tag`` if HEAD is not a release."""

    root: Path
    commit: str
    branch: str
    tag: str
    last_tag: str


def checkout_at(path: Path) -> Checkout:
    """Return the checkout that contains ``path``; its history must be complete.

    ``tag`` is the highest release tag at HEAD, ``last_tag`` the highest one in its history.

    Raises:
        ReleaseError: it is not a repository, has no commits, or is a shallow clone.
    """
    root = Path(git(path, "rev-parse", "--show-toplevel"))
    if git(root, "rev-parse", "--is-shallow-repository") == "true":
        raise ReleaseError(
            f"{root} is a shallow clone, so commits since the last release can be missing; "
            "check out with `fetch-depth: 0`, or run `git fetch --unshallow --tags`"
        )
    head = run(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if head.returncode:
        raise ReleaseError(f"{root} has no commits yet, so there is nothing to release")
    branch = run(root, "symbolic-ref", "--quiet", "--short", "HEAD").stdout.strip()
    tag, last = newest_tag(root, "--points-at", "HEAD"), newest_tag(root, "--merged", "HEAD")
    return Checkout(root, head.stdout.strip(), branch, tag, last)


def newest_tag(root: Path, *which: str) -> str:
    """Return the highest release among the tags that the options of `git tag` select; the empty string if there is none."""
    return newest_release(git(root, "tag", *which).split())


def earlier_release(checkout: Checkout) -> str:
    """Return the highest release in the history before HEAD; the empty string if there is none."""
    return newest_tag(checkout.root, "--merged", "HEAD", "--no-contains", "HEAD")


def file_at(root: Path, revision: str, path: str) -> str | None:
    """Return a file of a commit, or None if it has no such file; a ``path`` that begins with ``./`` is relative to root."""
    found = run(root, "cat-file", "blob", f"{revision}:{path}")
    return None if found.returncode else found.stdout


def list_changes(root: Path, *options: str) -> str:
    """Return the names of the first few files with uncommitted changes; the empty string if there are none."""
    changed = git(root, "status", "--porcelain", *options).splitlines()
    more = f" and {len(changed) - _SHOWN_FILES} more" if len(changed) > _SHOWN_FILES else ""
    return ", ".join(line[3:] for line in changed[:_SHOWN_FILES]) + more
