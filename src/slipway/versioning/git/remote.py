"""The remote: what it has, and the one push, of which it takes all or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from slipway.errors import BranchMovedError, ReleaseError
from slipway.reporting.sanitize import one_line
from slipway.versioning.git.checkout import Checkout
from slipway.versioning.git.command import REMOTE, credentials, git, run
from slipway.versioning.semver import is_release_tag

_TAGS = "refs/tags/"


@dataclass(frozen=True)
class PushRejection:
    """A push that the remote did not take: which refs it has instead, with the checkout's branch, and what git said."""

    refs: Mapping[str, str]
    output: str


def push(checkout: Checkout, wanted: Mapping[str, str]) -> PushRejection | None:
    """Push objects to the refs that ``wanted`` names, in one step; None where the remote has them all now.

    Raises:
        ReleaseError: the push failed, and the remote does not say what it has either.
    """
    specs = [f"{sha}:{ref}" for ref, sha in wanted.items()]
    done = run(checkout.root, "push", "--atomic", "-q", REMOTE, *specs, extra=credentials(checkout.root))
    if not done.returncode:
        return None
    refs = list_refs(checkout, branch_ref(checkout), *wanted)
    # A connection can break after the remote took the push: what counts is what it has.
    return None if refs.items() >= wanted.items() else PushRejection(refs, done.stderr)


def list_refs(checkout: Checkout, *patterns: str) -> dict[str, str]:
    """The refs of the remote that match, each with its object.

    Raises:
        ReleaseError: the remote does not answer.
    """
    listed = git(checkout.root, "ls-remote", REMOTE, *patterns, extra=credentials(checkout.root))
    return {ref: sha for sha, ref in (line.split("\t") for line in listed.splitlines())}


def branch_ref(checkout: Checkout) -> str:
    """The ref of the checkout's branch."""
    return f"refs/heads/{checkout.branch}"


def check_in_sync(checkout: Checkout) -> None:
    """Make sure that the remote's branch is this very commit, and that both sides know the same releases.

    Missing release tags are fetched: without them, releases would be numbered from the start again.

    Raises:
        BranchMovedError: the remote's branch is at another commit.
        ReleaseError: there is no such branch, commits or tags are only here, or a tag names two things.
    """
    refs = list_refs(checkout, branch_ref(checkout), f"{_TAGS}v*")
    there = refs.pop(branch_ref(checkout), "")
    if there != checkout.commit:
        raise _out_of_sync_error(checkout, there)
    listed = git(checkout.root, "for-each-ref", "--format=%(refname) %(objectname)", f"{_TAGS}v*")
    here = dict(line.split() for line in listed.splitlines())
    ours = {ref: sha for ref, sha in here.items() if is_release_tag(ref.removeprefix(_TAGS))}
    for ref, sha in ours.items():
        _check_tag(ref.removeprefix(_TAGS), sha, refs.get(ref))
    releases = (ref for ref in refs if is_release_tag(ref.removeprefix(_TAGS)))
    if missing := [f"{ref}:{ref}" for ref in releases if ref not in ours]:
        git(checkout.root, "fetch", "-q", "--no-tags", REMOTE, *missing, extra=credentials(checkout.root))


def push_release(checkout: Checkout, tag: str, tag_object: str, commit: str) -> None:
    """Push the tag, and the branch where it moves: the remote takes both or neither.

    Raises:
        BranchMovedError: the remote's branch moved meanwhile.
        ReleaseError: the remote has this tag already, or its rules refuse one of the two.
    """
    wanted = {f"{_TAGS}{tag}": tag_object}
    if commit != checkout.commit:
        wanted[branch_ref(checkout)] = commit
    if refusal := push(checkout, wanted):
        raise _rejection_error(checkout, tag, refusal)


def _out_of_sync_error(checkout: Checkout, there: str) -> ReleaseError | BranchMovedError:
    here, branch = checkout.commit[:7], checkout.branch
    if not there:
        return ReleaseError(f"{REMOTE} has no branch {branch}; push it first; nothing was released")
    if not run(checkout.root, "merge-base", "--is-ancestor", there, checkout.commit).returncode:
        return ReleaseError(
            f"{branch} is at {here} here but at {there[:7]} on {REMOTE}; push your commits first; nothing was released"
        )
    return BranchMovedError(
        f"{branch} is at {there[:7]} on {REMOTE} but at {here} here; nothing was released; update the checkout and run "
        "this again"
    )


def _check_tag(tag: str, here: str, there: str | None) -> None:
    if there is None:
        raise ReleaseError(
            f"the tag {tag} is only here and not on {REMOTE}; push it, or delete it (`git tag -d {tag}`); nothing was "
            "released"
        )
    if there != here:
        raise ReleaseError(
            f"the tag {tag} is {here[:7]} here but {there[:7]} on {REMOTE}; a release never moves, so delete the wrong "
            "one; nothing was released"
        )


def _rejection_error(checkout: Checkout, tag: str, rejection: PushRejection) -> ReleaseError | BranchMovedError:
    there = rejection.refs.get(branch_ref(checkout), "")
    if there != checkout.commit:
        return BranchMovedError(
            f"{checkout.branch} moved on {REMOTE} from {checkout.commit[:7]} to {there[:7] or 'nothing'} during the "
            f"release of {tag}; nothing was pushed; run this again, or leave it to the run of the newer commit"
        )
    if f"{_TAGS}{tag}" in rejection.refs:
        return ReleaseError(
            f"the tag {tag} exists on {REMOTE} already; nothing was pushed; fetch it and run this again"
        )
    said = [line.strip() for line in rejection.output.splitlines() if line.startswith("remote:") or "rejected" in line]
    reason = one_line(" ".join(said) or rejection.output.strip(), 600)
    return ReleaseError(
        f"{REMOTE} refused {tag}: {reason}; nothing was pushed; a protected branch needs the token of an App that may "
        "push there, or --tag-only"
    )
