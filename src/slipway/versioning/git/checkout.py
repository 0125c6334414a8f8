"""What a checkout is: its commit, its branch, and the releases that it knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slipway.errors import ReleaseError
from slipway.versioning.git.command import git, run
from slipway.versioning.semver import newest_release


@dataclass(frozen=True)
class Checkout:
    """A repository at a commit; ``branch`` is empty on a detached HEAD, ``tag`` where no release is here."""

    root: Path
    commit: str
    branch: str
    tag: str
    last_tag: str


def checkout_at(path: Path) -> Checkout:
    """The whole-history checkout that holds ``path``.

    ``tag`` is the highest release tag at HEAD, ``last_tag`` the highest one in its history.

    Raises:
        ReleaseError: it is no repository, has no commit, or lacks the commits before some of its own.
    """
    root = Path(git(path, "rev-parse", "--show-toplevel"))
    if git(root, "rev-parse", "--is-shallow-repository") == "true":
        raise ReleaseError(
            f"{root} is a shallow clone, so the commits since the last release are not all here; "
            "check out with `fetch-depth: 0`, or run `git fetch --unshallow --tags`"
        )
    head = run(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if head.returncode:
        raise ReleaseError(f"{root} has no commit yet, so there is nothing to release")
    branch = run(root, "symbolic-ref", "--quiet", "--short", "HEAD").stdout.strip()
    tag, last = newest_tag(root, "--points-at", "HEAD"), newest_tag(root, "--merged", "HEAD")
    return Checkout(root, head.stdout.strip(), branch, tag, last)


def newest_tag(root: Path, *which: str) -> str:
    """The highest release among the tags that options of `git tag` select; the empty string if none is a release."""
    return newest_release(git(root, "tag", *which).split())


def earlier_release(checkout: Checkout) -> str:
    """The highest release in the history before HEAD; the empty string if there is none."""
    return newest_tag(checkout.root, "--merged", "HEAD", "--no-contains", "HEAD")


def file_at(root: Path, revision: str, path: str) -> str | None:
    """A file as it was committed, or None where there was none; a ``place`` that begins with ``./`` counts from root."""
    found = run(root, "cat-file", "blob", f"{revision}:{path}")
    return None if found.returncode else found.stdout


def list_changes(root: Path, *options: str) -> str:
    """The first few files with uncommitted changes, by name; the empty string if there are none."""
    changed = git(root, "status", "--porcelain", *options).splitlines()
    return ", ".join(line[3:] for line in changed[:5])
