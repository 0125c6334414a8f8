"""Compare the checkout with its remote, and push a release atomically."""

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
    """A rejected push: the remote's current refs, including the checkout's branch, and git's output."""

    refs: Mapping[str, str]
    output: str


def push(
    checkout: Checkout, wanted: Mapping[str, str], *, replacing: Mapping[str, str] | None = None
) -> PushRejection | None:
    """Push objects to the refs in ``wanted`` in one atomic step; return None if the remote has all of them now.

    Args:
        replacing: refs that may lose commits, each with the object that it must still have; an empty one is new.

    Raises:
        ReleaseError: the push failed, and the remote's refs cannot be listed either.
    """
    specs = [f"{sha}:{ref}" for ref, sha in wanted.items()]
    leases = [f"--force-with-lease={ref}:{old}" for ref, old in (replacing or {}).items()]
    done = run(checkout.root, "push", "--atomic", "-q", *leases, REMOTE, *specs, extra=credentials(checkout.root))
    if not done.returncode:
        return None
    refs = list_refs(checkout, branch_ref(checkout), *wanted)
    # The connection can break after the remote accepted the push, so its refs decide, not the exit code.
    return None if refs.items() >= wanted.items() else PushRejection(refs, done.stderr)


def list_refs(checkout: Checkout, *patterns: str) -> dict[str, str]:
    """Return the matching refs of the remote, each with its object.

    Raises:
        ReleaseError: the remote cannot be reached.
    """
    listed = git(checkout.root, "ls-remote", REMOTE, *patterns, extra=credentials(checkout.root))
    return {ref: sha for sha, ref in (line.split("\t") for line in listed.splitlines())}


def branch_ref(checkout: Checkout) -> str:
    """Return the ref of the checkout's branch."""
    return f"refs/heads/{checkout.branch}"


def check_in_sync(checkout: Checkout) -> None:
    """Check that the remote's branch is at this commit, and that both sides have the same release tags.

    Missing release tags are fetched: without them, release numbers would start again from the beginning.

    Raises:
        BranchMovedError: the remote's branch is at another commit.
        ReleaseError: the remote has no such branch, commits or tags are only local, or a tag differs between the two.
    """
    refs = list_refs(checkout, branch_ref(checkout), f"{_TAGS}v*")
    remote_commit = refs.pop(branch_ref(checkout), "")
    if remote_commit != checkout.commit:
        raise _out_of_sync_error(checkout, remote_commit)
    listed = git(checkout.root, "for-each-ref", "--format=%(refname) %(objectname)", f"{_TAGS}v*")
    tags = dict(line.split() for line in listed.splitlines())
    local = {ref: sha for ref, sha in tags.items() if is_release_tag(ref.removeprefix(_TAGS))}
    for ref, sha in local.items():
        _check_tag(ref.removeprefix(_TAGS), sha, refs.get(ref))
    releases = (ref for ref in refs if is_release_tag(ref.removeprefix(_TAGS)))
    if missing := [f"{ref}:{ref}" for ref in releases if ref not in local]:
        git(checkout.root, "fetch", "-q", "--no-tags", REMOTE, *missing, extra=credentials(checkout.root))


def push_release(checkout: Checkout, tag: str, tag_object: str, commit: str) -> None:
    """Push the tag, and the branch if it has a new commit; the remote accepts both or neither.

    Raises:
        BranchMovedError: the remote's branch moved during the push.
        ReleaseError: the remote already has this tag, or its rules reject one of the two.
    """
    wanted = {f"{_TAGS}{tag}": tag_object}
    if commit != checkout.commit:
        wanted[branch_ref(checkout)] = commit
    if rejection := push(checkout, wanted):
        raise _rejection_error(checkout, tag, rejection)


def _out_of_sync_error(checkout: Checkout, remote_commit: str) -> ReleaseError | BranchMovedError:
    local, remote, branch = checkout.commit[:7], remote_commit[:7], checkout.branch
    if not remote:
        return ReleaseError(f"{REMOTE} has no branch {branch}; push it first; nothing was released")
    if not run(checkout.root, "merge-base", "--is-ancestor", remote_commit, checkout.commit).returncode:
        return ReleaseError(
            f"{branch} is at {local} here but at {remote} on {REMOTE}; push your commits first; nothing was released"
        )
    return BranchMovedError(
        f"{branch} is at {remote} on {REMOTE} but at {local} here; nothing was released; update the checkout and run "
        "this again"
    )


def _check_tag(tag: str, local: str, remote: str | None) -> None:
    if remote is None:
        raise ReleaseError(
            f"the tag {tag} exists only here and not on {REMOTE}; push it, or delete it (`git tag -d {tag}`); nothing was "
            "released"
        )
    if remote != local:
        raise ReleaseError(
            f"the tag {tag} is {local[:7]} here but {remote[:7]} on {REMOTE}; a release tag must never move, so delete "
            "the wrong one; nothing was released"
        )


def _rejection_error(checkout: Checkout, tag: str, rejection: PushRejection) -> ReleaseError | BranchMovedError:
    remote_commit = rejection.refs.get(branch_ref(checkout), "")
    if remote_commit != checkout.commit:
        return BranchMovedError(
            f"{checkout.branch} moved on {REMOTE} from {checkout.commit[:7]} to {remote_commit[:7] or 'nothing'} during "
            f"the release of {tag}; nothing was pushed; run this again, or leave it to the run of the newer commit"
        )
    if f"{_TAGS}{tag}" in rejection.refs:
        return ReleaseError(
            f"the tag {tag} already exists on {REMOTE}; nothing was pushed; fetch it and run this again"
        )
    lines = [line.strip() for line in rejection.output.splitlines() if line.startswith("remote:") or "rejected" in line]
    reason = one_line(" ".join(lines) or rejection.output.strip(), 600)
    return ReleaseError(
        f"{REMOTE} rejected {tag}: {reason}; nothing was pushed; for a protected branch, use the token of a GitHub App "
        "that can push to it, or --tag-only"
    )
