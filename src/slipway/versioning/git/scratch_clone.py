"""Create a temporary clone for python-semantic-release to write to, so that the checkout is never left half-changed."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slipway.errors import ReleaseError
from slipway.versioning.git.checkout import Checkout
from slipway.versioning.git.command import REMOTE, git, run

_ADDRESS = re.compile(r"(?!file:|[./])(?:(?:https?|ssh)://)?(?:[^@/]*@)?([\w.-]+)(?::\d+)?[:/]/*([\w./-]+/[\w.-]+?)/?")


@contextmanager
def workspace(checkout: Checkout, branch: str, squash_title: str = "") -> Iterator[Path]:
    """Create a clone at the checkout's commit, on ``branch``, with its tags; it shares its objects and runs no hooks.

    With ``squash_title``, the clone has the result of a squash merge with that title: everything since the base of the
    pull request as one commit.

    Raises:
        ReleaseError: a git command failed.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-release-") as folder:
        clone, hooks = Path(folder, "repository"), f"core.hooksPath={os.devnull}"
        source = checkout.root
        git(source, "clone", "-q", "--shared", "--no-checkout", "-o", REMOTE, "-c", hooks, str(source), str(clone))
        commit = _squash(clone, checkout, branch, squash_title) if squash_title else checkout.commit
        git(clone, "-c", "advice.detachedHead=false", "checkout", "-q", "-B", branch, "--no-track", commit)
        git(clone, "remote", "set-url", REMOTE, _address(source))
        yield clone


def _squash(clone: Path, checkout: Checkout, branch: str, title: str) -> str:
    who = {f"GIT_{role}_{what}": "slipway" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    message = clone / ".git" / "SQUASHED"
    message.write_text(title, encoding="utf-8", errors="replace")
    tree, base = f"{checkout.commit}^{{tree}}", _merge_base(checkout, branch)
    return git(clone, "commit-tree", tree, "-p", base, "-F", str(message), extra=who)


def _merge_base(checkout: Checkout, branch: str) -> str:
    """Return the base of a pull request: the first parent of GitHub's merge commit, or else the merge base of the branch."""
    root, commit = checkout.root, checkout.commit
    parents = git(root, "rev-list", "--parents", "-n", "1", commit).split()[1:]
    if len(parents) > 1:
        return parents[0]
    for name in (f"refs/remotes/{REMOTE}/{branch}", f"refs/heads/{branch}"):
        found = run(root, "merge-base", commit, name)
        if not found.returncode:
            return found.stdout.strip()
    raise ReleaseError(f"branch {branch}, the base of the squash, does not exist here; fetch it, or omit --title")


def _address(root: Path) -> str:
    """Return the remote's URL without credentials; it is only used for the links in the changelog."""
    url = run(root, "remote", "get-url", REMOTE).stdout.strip()
    found = _ADDRESS.fullmatch(url)
    if found:
        return f"https://{found[1]}/{found[2]}"
    return f"https://github.com/{os.environ.get('GITHUB_REPOSITORY') or f'local/{root.name}'}"
