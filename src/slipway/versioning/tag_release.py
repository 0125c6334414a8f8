"""Release a version: decide, commit, tag and push, all or nothing. It is always safe to run again."""

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
    """The release tag at HEAD (empty: none), whether this run created it, and a sentence on what happened."""

    tag: str
    new: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class _ReleaseObjects:
    tag: str
    tag_object: str
    commit: str


def tag_release(path: Path, *, tag_only: bool = False, to_remote: bool = True) -> TagResult:
    """Release the version that the commits since the last release require.

    Commit and tag are created in a clone. Branch and tag are pushed in one atomic step, and the checkout is updated only
    after the remote has both. There is no retry if the branch moved: the run of the newer commits tests them first.

    Args:
        path: a folder in the checkout.
        tag_only: push only the tag: the branch and the changelog stay unchanged.
        to_remote: if False, commit and tag are created in this checkout only.

    Raises:
        BranchMovedError: the branch moved during the release; nothing was changed.
        ReleaseError: anything else prevented the release; nothing was changed.
    """
    checkout = _check_releasable(checkout_at(path))
    if to_remote:
        check_in_sync(checkout)
        checkout = checkout_at(path)  # read again, because check_in_sync can fetch tags
    if checkout.tag:
        return TagResult(checkout.tag, False, f"nothing to release: this commit is already {checkout.tag}")
    created = _make_release(checkout, tag_only)
    if created is None:
        return TagResult("", False, _explain_no_release(checkout))
    if to_remote:
        push_release(checkout, created.tag, created.tag_object, created.commit)
    behind = _fast_forward(checkout, created.tag, created.tag_object, created.commit)
    if behind and not to_remote:
        raise ReleaseError(f"{created.tag} could not be created here: {behind}; nothing was released")
    return TagResult(created.tag, True, _describe_release(checkout, created, to_remote, behind))


def _make_release(checkout: Checkout, tag_only: bool) -> _ReleaseObjects | None:
    """Create the release in a clone and fetch its objects into the checkout, where no ref points to them yet."""
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
            f"{checkout.root} has a detached HEAD at {checkout.commit[:7]}; check out the branch to release from; "
            "nothing was released"
        )
    if not is_release_branch(checkout.root, checkout.branch):
        raise ReleaseError(
            f"branch {checkout.branch} is not a release branch such as main or 1.x; nothing was released"
        )
    if names := list_changes(checkout.root, "--untracked-files=no"):
        raise ReleaseError(
            f"{checkout.root} has uncommitted changes ({names}); commit them first; nothing was released"
        )
    return checkout


def _fast_forward(checkout: Checkout, tag: str, tag_object: str, commit: str) -> str:
    """Move the checkout to the release; return the reason if that failed (a pushed release stays valid), or nothing."""
    steps = (("merge", "-q", "--ff-only", commit), ("update-ref", f"refs/tags/{tag}", tag_object, ""))
    return first_failure(checkout.root, *steps)


def _explain_no_release(checkout: Checkout) -> str:
    if checkout.last_tag:
        return f"nothing to release: no commit since {checkout.last_tag} has a type that releases a version"
    return "nothing to release yet: the first release needs a commit that releases a version, such as `feat: ...`"


def _describe_release(checkout: Checkout, created: _ReleaseObjects, to_remote: bool, behind: str) -> str:
    what = "only the tag was" if created.commit == checkout.commit else f"{checkout.branch} and the tag were"
    where = f"pushed to {REMOTE} in one step" if to_remote else "created here and not pushed"
    after = f"; this checkout could not be updated ({behind}), so update it" if behind else ""
    return f"released {created.tag} at {created.commit[:7]}: {what} {where}{after}"
