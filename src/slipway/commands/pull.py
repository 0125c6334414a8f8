"""A serving host brings a published release onto its target: following Latest from a timer, or one that it is told."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from slipway.bundle.signature import Trust, check
from slipway.errors import NotFoundError
from slipway.github.client import Say
from slipway.github.deployments import Record, Recorded, lifted_at, records
from slipway.github.download import fetch, workspace
from slipway.github.releases import latest, published
from slipway.rollout import rollout
from slipway.target.journal import Entry
from slipway.target.target import Target
from slipway.versioning.semver import parse_tag

if TYPE_CHECKING:
    from github.GitRelease import GitRelease
    from github.Repository import Repository

REMOTE = "github:"
"""How the journal names a person whose decision reached this host through GitHub."""


def follow(target: Target, repository: Repository, *, trust: Trust, say: Say) -> Entry | None:
    """Make GitHub's champion this target's: a newer one by a rollout, an earlier one by a rollback.

    A hold that came from GitHub is lifted when GitHub lifts it; one that a person put on this host stays.

    Raises:
        NotFoundError: GitHub has no champion yet.
        HeldError, BusyError, RolloutError, BundleError: as ``roll_out`` and ``roll_back``; the champion did not move.
    """
    release = latest(repository)
    if release is None:
        raise NotFoundError(f"GitHub has no champion yet; {target.champion_sentence()}")
    serving = _serving(target)
    if serving == release.tag_name:
        say(f"{release.tag_name} serves already")
        return None
    found = records(repository)
    behind = _behind(found, release.tag_name)
    older = serving is not None and parse_tag(release.tag_name) < parse_tag(serving)
    if not older:
        _resume_with(target, found)
    return bring(target, release, reason=behind.reason, who=REMOTE + behind.who, rollback=older, trust=trust, say=say)


def bring_tag(
    target: Target, repository: Repository, tag: str, *, reason: str, who: str, rollback: bool, trust: Trust, say: Say
) -> Entry | None:
    """Make the published release of a tag this target's champion; as ``follow``, but for the one that is named.

    Raises:
        NotFoundError: it is not published, or the gate had refused it.
    """
    release = published(repository, tag)
    if _serving(target) == tag:
        say(f"{tag} serves already")
        return None
    if not rollback:
        _resume_with(target, records(repository))
    return bring(target, release, reason=reason, who=who, rollback=rollback, trust=trust, say=say)


def bring(
    target: Target, release: GitRelease, *, reason: str, who: str, rollback: bool, trust: Trust, say: Say
) -> Entry:
    """Download, verify and roll out; whatever fails, the champion is the one it was."""
    with workspace(target.path / ".incoming") as folder:
        say(f"downloading {release.tag_name}")
        bundle, signature = fetch(release, folder)
        vouch = partial(check, trust=trust, signature=signature)
        if rollback:
            entry = rollout.roll_back(target, reason=reason, who=who, bundle_folder=bundle.path, vouch=vouch)
        else:
            entry = rollout.roll_out(target, bundle.path, who=who, reason=reason, allow_prerelease=False, vouch=vouch)
    say(f"{entry.to} serves batch and real time at {target}, proved by prediction")
    return entry


def _resume_with(target: Target, found: list[Recorded]) -> None:
    """Lift a hold that came from GitHub once GitHub lifted its own after it; one put on this host stays."""
    held, lifted = target.held(), lifted_at(found)
    if held is None or not held.who.startswith(REMOTE) or lifted is None:
        return
    if lifted >= datetime.fromisoformat(held.at).replace(microsecond=0):  # GitHub's times have whole seconds
        rollout.resume(target, reason="GitHub lifted the hold", who=held.who)


def _behind(found: list[Recorded], tag: str) -> Record:
    """Who made the release champion on GitHub, and why."""
    moved = (r.record for r in found if r.state != "failed" and r.record.to == tag and r.record.action != "resume")
    unknown = Record(action="rollout", from_=None, to=tag, digest=None, reason=f"{tag} is Latest", who="unknown")
    return next(moved, unknown)


def _serving(target: Target) -> str | None:
    """The tag of the verified champion."""
    champion = target.champion()
    return f"v{champion.release.version}" if champion else None
