"""The commit of a retrain: made whole beside the checkout, pushed if asked to, and only then does the checkout follow."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from slipway.errors import MovedError, RetrainError
from slipway.versioning.git import remote
from slipway.versioning.git.checkout import Checkout
from slipway.versioning.git.command import REMOTE, credentials, first_failure, git, last_line, run

_BOT = ("github-actions[bot]", "41898282+github-actions[bot]@users.noreply.github.com")


def make(checkout: Checkout, files: Mapping[str, Path], message: str) -> str:
    """A commit on the checkout's own with the content of ``files`` (by place in the repository); nothing names it yet.

    Raises:
        ReleaseError: git said no, as where it knows no author.
    """
    root = checkout.root
    with tempfile.TemporaryDirectory(prefix="slipway-commit-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        git(root, "read-tree", checkout.commit, extra=index)
        for place, content in files.items():
            blob = git(root, "hash-object", "-w", f"--path={place}", "--", str(content.absolute()))
            git(root, "update-index", "--add", "--cacheinfo", f"100644,{blob},{place}", extra=index)
        tree = git(root, "write-tree", extra=index)
        text = Path(folder, "message")
        text.write_text(f"{message}\n", encoding="utf-8")
        return git(root, "commit-tree", tree, "-p", checkout.commit, "-F", str(text), extra=_author(root))


def push(checkout: Checkout, commit: str) -> None:
    """Push the commit to the checkout's branch.

    Raises:
        MovedError: the branch moved meanwhile.
        RetrainError: a rule of the remote refuses it.
    """
    refusal = remote.push(checkout, {remote.branch_ref(checkout): commit})
    if refusal is None:
        return
    there = refusal.refs.get(remote.branch_ref(checkout), "")
    if there != checkout.commit:
        raise MovedError(
            f"{checkout.branch} moved on {REMOTE} from {checkout.commit[:7]} to {there[:7] or 'nothing'}; the pin was "
            "not pushed and nothing was changed; run the retrain again"
        )
    raise RetrainError(
        f"{REMOTE} refused the pin: {last_line(refusal.said)}; nothing was changed; a protected branch takes it as a pull "
        "request (--propose)"
    )


def push_aside(checkout: Checkout, commit: str, branch: str, settings: str) -> None:
    """Push the commit to a branch of its own; one that is there already with the same settings is left alone.

    Raises:
        RetrainError: the branch holds something else, or the remote refuses it.
    """
    place = f"refs/heads/{branch}"
    if there := remote.list_refs(checkout, place).get(place):
        git(checkout.root, "fetch", "-q", "--no-tags", REMOTE, there, extra=credentials(checkout.root))
        names = [f"{one}:{settings}" for one in (there, commit)]
        blobs = [run(checkout.root, "rev-parse", "--verify", "-q", name).stdout for name in names]
        if blobs[0] != blobs[1]:
            raise RetrainError(f"{REMOTE} has a branch {branch} with another pin; delete it first; nothing was changed")
        return
    if refusal := remote.push(checkout, {place: commit}):
        raise RetrainError(f"{REMOTE} refused the branch {branch}: {last_line(refusal.said)}; nothing was changed")


def follow(checkout: Checkout, commit: str, files: Mapping[str, Path]) -> str:
    """Bring branch and files of the checkout to the commit; returns why it could not, in which case they stay."""
    here = [place for place in files if (checkout.root / place).exists()]
    # What is there as it will be, after a kill or as new data, git need not write and would not overwrite.
    return first_failure(checkout.root, ("add", "-f", "--", *here), ("merge", "-q", "--ff-only", commit))


def _author(root: Path) -> dict[str, str]:
    """GitHub's own robot, in a workflow whose checkout names nobody."""
    known = run(root, "var", "GIT_COMMITTER_IDENT").returncode == 0
    if known or os.environ.get("GITHUB_ACTIONS") != "true":
        return {}
    return {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in zip(("NAME", "EMAIL"), _BOT, strict=True)
    }
