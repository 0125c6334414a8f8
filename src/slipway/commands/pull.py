"""Roll out a published release on a serving host: the one that is Latest (from a timer), or a given one."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from slipway.bundle.signature import Trust, check_signature
from slipway.errors import NotFoundError
from slipway.github.client import PrintLine
from slipway.github.deployments import DeploymentRecord, Record, records, resume_time
from slipway.github.download import fetch_bundle, workspace
from slipway.github.releases import get_published, latest_release
from slipway.rollout import rollout
from slipway.target.journal import Entry
from slipway.target.target import Target
from slipway.versioning.semver import parse_tag

if TYPE_CHECKING:
    from github.GitRelease import GitRelease
    from github.Repository import Repository

REMOTE_PREFIX = "github:"
"""Prefix in the journal for a person who decided on GitHub, not on this host."""


def follow_latest(target: Target, repository: Repository, *, trust: Trust, progress: PrintLine) -> Entry | None:
    """Make GitHub's champion this target's champion: roll out a newer release, roll back to an earlier one.

    A hold that came from GitHub is lifted when GitHub lifts it; a hold that a person put on this host stays.

    Returns:
        The journal entry; None if the release is already live.

    Raises:
        NotFoundError: GitHub has no champion yet.
        HeldError, BusyError, RolloutError, BundleError: as in ``roll_out`` and ``roll_back``; the champion is unchanged.
    """
    release = latest_release(repository)
    if release is None:
        raise NotFoundError(f"GitHub has no champion yet; {target.champion_sentence()}")
    serving = _champion_tag(target)
    if serving == release.tag_name:
        progress(f"{release.tag_name} is already live; nothing was changed")
        return None
    found = records(repository)
    behind = _promotion_record(found, release.tag_name)
    older = serving is not None and parse_tag(release.tag_name) < parse_tag(serving)
    if not older:
        _lift_hold(target, found)
    return pull_release(
        target,
        release,
        reason=behind.reason,
        who=REMOTE_PREFIX + behind.who,
        rollback=older,
        trust=trust,
        progress=progress,
    )


def pull_tag(
    target: Target,
    repository: Repository,
    tag: str,
    *,
    reason: str,
    who: str,
    rollback: bool,
    trust: Trust,
    progress: PrintLine,
) -> Entry | None:
    """As ``follow_latest``, for the published release of ``tag``.

    Raises:
        NotFoundError: the release is not published, or the gate refused it.
    """
    release = get_published(repository, tag)
    if _champion_tag(target) == tag:
        progress(f"{tag} is already live; nothing was changed")
        return None
    if not rollback:
        _lift_hold(target, records(repository))
    return pull_release(target, release, reason=reason, who=who, rollback=rollback, trust=trust, progress=progress)


def pull_release(
    target: Target, release: GitRelease, *, reason: str, who: str, rollback: bool, trust: Trust, progress: PrintLine
) -> Entry:
    """Download, verify and roll out a release; if anything fails, the champion is unchanged."""
    with workspace(target.path / ".incoming") as folder:
        progress(f"downloading {release.tag_name}")
        bundle, signature = fetch_bundle(release, folder)
        check = partial(check_signature, trust=trust, signature=signature)
        if rollback:
            entry = rollout.roll_back(target, reason=reason, who=who, bundle_folder=bundle.path, check_signature=check)
        else:
            entry = rollout.roll_out(
                target, bundle.path, who=who, reason=reason, allow_prerelease=False, check_signature=check
            )
    progress(f"{entry.to} is live for batch and real time at {target}; test predictions succeeded")
    return entry


def _lift_hold(target: Target, deployments: list[DeploymentRecord]) -> None:
    """Lift a hold that came from GitHub if GitHub has lifted its own since; a hold put on this host stays."""
    held, lifted = target.active_hold(), resume_time(deployments)
    if held is None or not held.who.startswith(REMOTE_PREFIX) or lifted is None:
        return
    if lifted >= datetime.fromisoformat(held.at).replace(microsecond=0):  # GitHub's timestamps have no fractions
        rollout.resume(target, reason="GitHub lifted the hold", who=held.who)


def _promotion_record(deployments: list[DeploymentRecord], tag: str) -> Record:
    """The record of who made the release champion on GitHub, and why."""
    moved = (
        r.record for r in deployments if r.state != "failed" and r.record.to == tag and r.record.action != "resume"
    )
    unknown = Record(action="rollout", from_=None, to=tag, digest=None, reason=f"{tag} is Latest", who="unknown")
    return next(moved, unknown)


def _champion_tag(target: Target) -> str | None:
    """The tag of the target's champion, which is verified; None if there is no champion."""
    champion = target.champion()
    return f"v{champion.release.version}" if champion else None
