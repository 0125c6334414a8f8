"""Crowning: the one step that makes a published release GitHub's Latest, which is what "champion" means there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.errors import HeldError, NotFoundError, RolloutError, SettingsError, SlipwayError
from slipway.github.client import PrintLine, github_errors, patch
from slipway.github.deployments import (
    Action,
    DeploymentRecord,
    Record,
    active_hold,
    conclude,
    record_intent,
    records,
    settle,
)
from slipway.github.release_page import digest_of
from slipway.github.releases import bundle_asset, champions, get_published, latest_release
from slipway.versioning.semver import parse_tag

if TYPE_CHECKING:
    from github.Deployment import Deployment
    from github.GitRelease import GitRelease
    from github.Repository import Repository


def promote(repository: Repository, tag: str, *, who: str, reason: str, rollback: bool, say: PrintLine) -> None:
    """Make a published release Latest, and write down who, from what and why; run again, it changes nothing.

    Args:
        rollback: go back to a past champion; holds later promotions until ``resume``.

    Raises:
        NotFoundError: it is not published, or (rollback) never was champion.
        RolloutError: the gate had refused it, or it is not newer than every past champion.
        HeldError: a rollback holds promotions.
    """
    release, champion = get_published(repository, tag), _tag(latest_release(repository))
    found = settle(repository, champion)
    if champion == tag:
        say(f"{tag} is the champion already")
        return
    asset = bundle_asset(release)
    if asset is None:
        raise RolloutError(f"{tag} has no bundle, since the gate refused it; {_champion_sentence(champion)}")
    if rollback:
        _check_reason(reason, "rollback")
        if release.prerelease:
            raise NotFoundError(
                f"{tag} never was champion, so there is no way back to it; {_champion_sentence(champion)}"
            )
    else:
        _check_order(repository, tag, champion)
        _check_not_held(found, champion)
    action: Action = "rollback" if rollback else "rollout"
    record = Record(action=action, from_=champion, to=tag, digest=digest_of(asset), reason=reason, who=who)
    _make_latest(repository, release, record)
    say(f"{tag} is the champion now" + (f", instead of {champion}" if champion else ""))


def resume(repository: Repository, *, who: str, reason: str, say: PrintLine) -> None:
    """Lift the hold that a rollback put on promotions; saying it twice does no harm.

    Raises:
        SettingsError: no reason is given.
        NotFoundError: there is no champion yet.
    """
    _check_reason(reason, "resume")
    champion = _tag(latest_release(repository))
    if champion is None:
        raise NotFoundError("there is no champion on GitHub yet, so nothing is held")
    if active_hold(settle(repository, champion)) is None:
        say("promotions are not held; nothing was changed")
        return
    record = Record(action="resume", from_=champion, to=champion, digest=None, reason=reason, who=who)
    conclude(record_intent(repository, record, champion), "done")
    say("promotions go on")


def _check_not_held(found: list[DeploymentRecord], champion: str | None) -> None:
    """Refuse what a rollback holds.

    Raises:
        HeldError: naming who rolled back, from what and why.
    """
    if (held := active_hold(found)) is not None:
        raise HeldError(
            f"promotions are held since {held.who} rolled back from {held.from_} to {held.to} ({held.reason}); "
            f"resume.yml lifts the hold; {_champion_sentence(champion)}"
        )


def _make_latest(repository: Repository, release: GitRelease, record: Record) -> None:
    deployment = record_intent(repository, record, release.tag_name)
    try:
        with github_errors(f"{release.tag_name} could not be made Latest"):
            patch(release, prerelease=False, make_latest="true")
        now = _tag(latest_release(repository))
        if record.action == "rollout":
            _yield_to_a_rollback(repository, deployment)
        if now != release.tag_name:
            raise RolloutError(f"{release.tag_name} was made Latest, but GitHub still says {now}; run this again")
    except SlipwayError as error:
        if not getattr(error, "passing", False):
            conclude(deployment, "failed", str(error))
        raise
    conclude(deployment, "done")


def _yield_to_a_rollback(repository: Repository, deployment: Deployment) -> None:
    """A rollback waits for nobody, so one may have begun meanwhile: then Latest is its, whoever wrote last."""
    later = (r for r in records(repository) if r.deployment.id > deployment.id and r.state != "failed")
    rollback = next((r.record for r in later if r.record.action == "rollback"), None)
    if rollback is None or rollback.to is None:
        return
    with github_errors(f"Latest could not be given back to {rollback.to}"):
        patch(get_published(repository, rollback.to), make_latest="true")
    raise HeldError(
        f"{rollback.who} rolled back to {rollback.to} meanwhile ({rollback.reason}), which counts; resume.yml lifts the "
        "hold that it put on promotions"
    )


def _check_order(repository: Repository, tag: str, champion: str | None) -> None:
    newer = [r.tag_name for r in champions(repository) if parse_tag(r.tag_name) >= parse_tag(tag)]
    if tag in newer:
        raise RolloutError(
            f"{tag} was champion before and was replaced; rollback.yml goes back to it; {_champion_sentence(champion)}"
        )
    if newer:
        raise RolloutError(f"{tag} is not newer than {newer[0]}, which was champion; {_champion_sentence(champion)}")


def _check_reason(reason: str, command: str) -> None:
    if not reason.strip():
        raise SettingsError(f"a {command} needs a reason, for those who read the history")


def _champion_sentence(champion: str | None) -> str:
    return f"the champion is still {champion}" if champion else "there is still no champion"


def _tag(release: GitRelease | None) -> str | None:
    return release.tag_name if release is not None else None
