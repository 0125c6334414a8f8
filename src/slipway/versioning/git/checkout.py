"""What a checkout is: its commit, its branch, and the releases that it knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slipway.errors import ReleaseError
from slipway.versioning.git.command import git, run
from slipway.versioning.semver import newest


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
    tag, last = (newest(git(root, "tag", *which).split()) for which in (("--points-at", "HEAD"), ("--merged", "HEAD")))
    return Checkout(root, head.stdout.strip(), branch, tag, last)
