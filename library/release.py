"""Release the library: version, changelog, commit and tag, pushed in one atomic step. It is safe to run again."""

from __future__ import annotations

import datetime
import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from library.next_version import CHANGELOG, NextLibrary, add_to_changelog, find_next_library, library_release_at
from slipway.errors import ReleaseError
from slipway.versioning.commit_types import PROJECT_FILE
from slipway.versioning.git.checkout import Checkout, checkout_at, list_changes
from slipway.versioning.git.command import REMOTE, first_failure, git
from slipway.versioning.git.remote import check_in_sync, list_refs, push_release
from slipway.versioning.git.scratch_clone import workspace
from slipway.versioning.library_wheel import LIBRARY_TAG, SOURCE
from slipway.versioning.reproducible_build import stamp_version

_BRANCHES = ("main", "master")
_TAGS = f"refs/tags/{LIBRARY_TAG}"
_AUTHOR = re.compile(r"(?P<name>.+) <(?P<email>[^<>]+)>")


@dataclass(frozen=True)
class LibraryRelease:
    """The library's tag at HEAD or to be made there (empty: none), and a sentence on what happened."""

    tag: str
    sentence: str
    notes: str = ""


def release_library(path: Path, *, dry_run: bool = False) -> LibraryRelease:
    """Release the version of the library that the commits since its last one require.

    The project at the root has separate releases, which this does not change: it reads and makes only tags
    ``slipway-ml-vX.Y.Z``.

    Args:
        path: a folder in the checkout.
        dry_run: only find out what would be released.

    Raises:
        BranchMovedError: the branch moved during the release; nothing was changed.
        ReleaseError: anything else prevented the release; nothing was changed.
    """
    checkout = checkout_at(path)
    if version := library_release_at(checkout.root, "--points-at", "HEAD"):
        return LibraryRelease(
            f"{LIBRARY_TAG}{version}", f"nothing to release: this commit is already slipway-ml {version}"
        )
    if not dry_run:
        _check_releasable(checkout)
        check_in_sync(checkout)
        _check_tags(checkout)
    found = find_next_library(checkout.root, datetime.datetime.now(datetime.UTC).date())
    since = f"slipway-ml {found.last}" if found.last else "the start"
    if not found.version:
        return LibraryRelease("", f"nothing to release: no commit since {since} has a type that releases the library")
    if dry_run:
        return LibraryRelease(found.tag, f"the next version is {found.version}; nothing was changed", found.notes)
    tag_object, commit = _make_release(checkout, found)
    push_release(checkout, found.tag, tag_object, commit)
    behind = first_failure(
        checkout.root,
        ("merge", "-q", "--ff-only", commit),
        ("update-ref", f"refs/tags/{found.tag}", tag_object, ""),
    )
    after = f"; this checkout could not be updated ({behind}), so update it" if behind else ""
    sentence = f"released {found.tag} at {commit[:7]}: {checkout.branch} and the tag were pushed in one step{after}"
    return LibraryRelease(found.tag, sentence, found.notes)


def _make_release(checkout: Checkout, found: NextLibrary) -> tuple[str, str]:
    """Create commit and tag in a clone, and fetch their objects into the checkout, where no ref points to them yet."""
    with workspace(checkout, checkout.branch) as clone:
        stamp_version(clone / SOURCE / PROJECT_FILE, found.version)
        changelog = clone / CHANGELOG
        text = changelog.read_text(encoding="utf-8") if changelog.is_file() else ""
        changelog.write_text(add_to_changelog(text, found.notes), encoding="utf-8")
        git(clone, "add", "--", SOURCE)
        who = _author(checkout.root)
        message = f"chore(library): slipway-ml v{found.version}"
        git(clone, "commit", "-q", "--no-gpg-sign", "-m", message, extra=who)
        git(clone, "tag", "-a", "--no-sign", "-m", f"slipway-ml v{found.version}", found.tag, extra=who)
        tag_object, commit = git(clone, "rev-parse", f"refs/tags/{found.tag}", f"{found.tag}^{{commit}}").split()
        git(checkout.root, "fetch", "-q", "--no-tags", "--no-write-fetch-head", str(clone), f"refs/tags/{found.tag}")
        return tag_object, commit


def _check_releasable(checkout: Checkout) -> None:
    if checkout.branch not in _BRANCHES:
        where = f"branch {checkout.branch}" if checkout.branch else f"the detached HEAD at {checkout.commit[:7]}"
        raise ReleaseError(f"the library is released from main only, not from {where}; nothing was released")
    if names := list_changes(checkout.root, "--untracked-files=no"):
        raise ReleaseError(
            f"{checkout.root} has uncommitted changes ({names}); commit them first; nothing was released"
        )


def _check_tags(checkout: Checkout) -> None:
    listed = git(checkout.root, "for-each-ref", "--format=%(refname) %(objectname)", f"{_TAGS}*")
    local = dict(line.split() for line in listed.splitlines())
    remote = {ref: sha for ref, sha in list_refs(checkout, f"{_TAGS}*").items() if not ref.endswith("^{}")}
    if different := sorted(ref for ref, _ in local.items() ^ remote.items()):
        raise ReleaseError(
            f"the tag {different[0].removeprefix('refs/tags/')} is not the same here and on {REMOTE}; fetch it "
            "(`git fetch --tags`), or delete it here if nobody released it; nothing was released"
        )


def _author(root: Path) -> dict[str, str]:
    """Return the author of release commits, as python-semantic-release finds it."""
    settings = tomllib.loads((root / PROJECT_FILE).read_text(encoding="utf-8"))["tool"]["semantic_release"][
        "commit_author"
    ]
    author = os.environ.get(settings["env"]) or settings["default"]
    if not (found := _AUTHOR.fullmatch(author)):
        raise ReleaseError(f"the commit author must look like `Name <address>`, not {author!r}; nothing was released")
    return {f"GIT_{role}_{part.upper()}": found[part] for role in ("AUTHOR", "COMMITTER") for part in ("name", "email")}
