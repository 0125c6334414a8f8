"""The version step: decide, commit, tag and push, all of it or nothing. Running it again is always safe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slipway.errors import ReleaseError
from slipway.versioning.commit_types import is_release_branch
from slipway.versioning.git.checkout import Checkout, checkout_at, list_changes
from slipway.versioning.git.command import REMOTE, first_failure, git
from slipway.versioning.git.remote import check_in_sync, push_release
from slipway.versioning.git.scratch_clone import workspace
from slipway.versioning.next_version import decide_version


@dataclass(frozen=True)
class TagResult:
    """The release tag at the end (empty: none), whether this run made it, and what happened in words."""

    tag: str
    new: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class _ReleaseObjects:
    tag: str
    tag_object: str
    commit: str


def tag_release(path: Path, *, tag_only: bool = False, to_remote: bool = True) -> TagResult:
    """Release what the commits since the last release ask for.

    All of it is made in a clone. Branch and tag are pushed in one atomic step, and only when the remote has them does
    the checkout follow. It does not try again by itself when the branch moved: the newer commits have a run of their
    own, which tested them.

    Args:
        tag_only: leave the branch alone: no changelog, and the version stands in the tag only.
        to_remote: without it, commit and tag are made here and pushed nowhere.

    Raises:
        BranchMovedError: the branch moved meanwhile.
        ReleaseError: whatever else stood in the way. Nothing was changed in either case.
    """
    checkout = _check_releasable(checkout_at(path))
    if to_remote:
        check_in_sync(checkout)
        checkout = checkout_at(path)  # tags may have come
    if checkout.tag:
        return TagResult(checkout.tag, False, f"nothing new: this commit is {checkout.tag} already")
    made = _make_release(checkout, tag_only)
    if made is None:
        return TagResult("", False, _explain_no_release(checkout))
    if to_remote:
        push_release(checkout, made.tag, made.tag_object, made.commit)
    behind = _fast_forward(checkout, made.tag, made.tag_object, made.commit)
    if behind and not to_remote:
        raise ReleaseError(f"{made.tag} could not be made here: {behind}; nothing was released")
    return TagResult(made.tag, True, _describe_release(checkout, made, to_remote, behind))


def _make_release(checkout: Checkout, tag_only: bool) -> _ReleaseObjects | None:
    """Let the release be made in a clone, and bring its objects here, where nothing names them yet."""
    options = ("--no-commit", "--no-changelog") if tag_only else ()
    with workspace(checkout, checkout.branch) as clone:
        found = decide_version(clone, checkout, checkout.branch, *options)
        if not found.new:
            return None
        tag = f"v{found.version}"
        tag_object, commit = git(clone, "rev-parse", f"refs/tags/{tag}", f"{tag}^{{commit}}").split()
        git(checkout.root, "fetch", "-q", "--no-tags", "--no-write-fetch-head", str(clone), f"refs/tags/{tag}")
        return _ReleaseObjects(tag, tag_object, commit)


def _check_releasable(checkout: Checkout) -> Checkout:
    if not checkout.branch:
        raise ReleaseError(
            f"{checkout.root} is at {checkout.commit[:7]} on no branch (a detached HEAD); check out the branch to "
            "release from; nothing was released"
        )
    if not is_release_branch(checkout.root, checkout.branch):
        raise ReleaseError(f"no release is made from the branch {checkout.branch}; main or 1.x would be one")
    if names := list_changes(checkout.root, "--untracked-files=no"):
        raise ReleaseError(f"{checkout.root} has uncommitted changes ({names}); commit them; nothing was released")
    return checkout


def _fast_forward(checkout: Checkout, tag: str, tag_object: str, commit: str) -> str:
    """Bring the checkout to the release; returns why it could not, in which case the release stands all the same."""
    steps = (("merge", "-q", "--ff-only", commit), ("update-ref", f"refs/tags/{tag}", tag_object, ""))
    return first_failure(checkout.root, *steps)


def _explain_no_release(checkout: Checkout) -> str:
    if checkout.last_tag:
        return f"nothing to release: no commit since {checkout.last_tag} has a type that releases anything"
    return "nothing to release yet: the first release needs one commit that asks for it, such as `feat: ...`"


def _describe_release(checkout: Checkout, made: _ReleaseObjects, to_remote: bool, behind: str) -> str:
    what = "the tag alone was" if made.commit == checkout.commit else f"{checkout.branch} and the tag were"
    where = f"pushed to {REMOTE} in one step" if to_remote else "made here and pushed nowhere"
    after = f"; this checkout could not follow ({behind}), so update it" if behind else ""
    return f"released {made.tag} at {made.commit[:7]}: {what} {where}{after}"
