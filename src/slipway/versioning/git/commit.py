"""Create a commit without touching the working tree, the index or a branch."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from slipway.versioning.git.checkout import Checkout
from slipway.versioning.git.command import git, run

_BOT = ("github-actions[bot]", "41898282+github-actions[bot]@users.noreply.github.com")


def create_commit(checkout: Checkout, contents: Mapping[str, Path], message: str) -> str:
    """Create a commit on top of the checkout's commit, with ``contents`` by path in the repository; no branch moves.

    Raises:
        ReleaseError: git failed, for example because no author is configured.
    """
    root = checkout.root
    with tempfile.TemporaryDirectory(prefix="slipway-commit-") as folder:
        # A separate index keeps what the user has staged out of the commit.
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        git(root, "read-tree", checkout.commit, extra=index)
        for path, content in contents.items():
            blob = git(root, "hash-object", "-w", f"--path={path}", "--", str(content.absolute()))
            git(root, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", extra=index)
        tree = git(root, "write-tree", extra=index)
        text = Path(folder, "message")
        text.write_text(f"{message}\n", encoding="utf-8")
        return git(root, "commit-tree", tree, "-p", checkout.commit, "-F", str(text), extra=_author(root))


def _author(root: Path) -> dict[str, str]:
    """Return GitHub's bot as the author, in a workflow, where the checkout configures no author."""
    known = run(root, "var", "GIT_COMMITTER_IDENT").returncode == 0
    if known or os.environ.get("GITHUB_ACTIONS") != "true":
        return {}
    return {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in zip(("NAME", "EMAIL"), _BOT, strict=True)
    }
