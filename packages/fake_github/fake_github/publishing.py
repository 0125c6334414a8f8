"""When a release may be published or changed: its tag, immutability, and workflows in its target."""

from __future__ import annotations

import re
from datetime import datetime

from .call import Call
from .messages import invalid, wrong
from .permissions import authorize_workflows
from .records import Release
from .repository import Repository, now

BAD_TAG = re.compile(r"^[-./]|[\x00-\x20~^:?*\[\\\x7f]|\.\.|@\{|//|\.lock$|[./]$|^$")
NO_TAG = wrong("Release", "custom", message="Published releases must have a valid tag")


def check_target(call: Call, target: str) -> None:
    """The target must exist if it is given, and must not need the right to change workflows."""
    commit = call.repository.bare.commit(target)
    if commit is None and "target_commitish" in call.fields:
        raise invalid(wrong("Release", "invalid", "target_commitish"))
    if commit and call.repository.bare.touches_workflows(commit):
        authorize_workflows(call.writer)


def check_tag(repository: Repository, release: Release) -> None:
    """May a published release have this tag? 422 when it is taken, burned or not well-formed."""
    if any(r.tag_name == release.tag_name and not r.draft and r is not release for r in repository.releases):
        raise invalid(wrong("Release", "already_exists", "tag_name"))
    if release.tag_name in repository.burned_tags:
        raise invalid(wrong("Release", "custom", "tag_name", "tag_name was used by an immutable release"))
    if BAD_TAG.search(release.tag_name):
        bad = [
            wrong("Release", "custom", "tag_name", f"tag_name is not {what}") for what in ("a valid tag", "well-formed")
        ]
        raise invalid(*bad, NO_TAG)


def publish(call: Call, release: Release) -> None:
    """Publish, making the tag at the target when there is none; raises 422 and changes nothing."""
    repository = call.repository
    claim_tag(call, release)
    release.draft = False
    release.published_at = now()
    release.immutable = repository.immutable_releases
    repository.happened(call.writer, "release", "published", tag=release.tag_name, prerelease=release.prerelease)


def claim_tag(call: Call, release: Release) -> None:
    """Bind a published release to its tag, which exists afterwards."""
    check_tag(call.repository, release)
    ensure_tag(call, release)
    release.created_at = commit_time(call.repository, release)


def ensure_tag(call: Call, release: Release) -> None:
    """Make the tag unless it exists or is a draft's ``untagged-...``, which GitHub publishes without one."""
    repository, ref = call.repository, f"refs/tags/{release.tag_name}"
    if repository.bare.full_ref(ref) or release.tag_name == release.slug:
        return
    sha = repository.bare.commit(release.target_commitish)
    if sha is None:
        bad = wrong("Release", "custom", "tag_name", "tag_name is not a valid tag")
        raise invalid(bad, NO_TAG, wrong("Release", "invalid", "target_commitish"))
    repository.bare.create_ref(ref, sha)
    repository.happened(call.writer, "create", ref=ref)
    repository.happened(call.writer, "push", ref=ref, sha=sha)


def commit_time(repository: Repository, release: Release) -> datetime:
    """When the release's commit was made: what GitHub calls ``created_at``."""
    bare = repository.bare
    sha = bare.commit(f"refs/tags/{release.tag_name}") or bare.commit(release.target_commitish)
    return bare.commit_time(sha) if sha else now()


def check_immutable(release: Release, tag_name: str, target: str, draft: bool) -> None:
    """422 for a change of what an immutable release locks."""
    changed = [
        field
        for field, old, new in (
            ("tag_name", release.tag_name, tag_name),
            ("target_commitish", release.target_commitish, target),
            ("state", False, draft),
        )
        if old != new
    ]
    if release.immutable and changed:
        text = [(field, f"{field} cannot be changed when release is immutable") for field in changed]
        raise invalid(*(wrong("Release", "custom", field, message) for field, message in text))
