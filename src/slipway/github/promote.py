"""Promote a published release to GitHub's Latest, which marks the champion there, or lift the hold on promotions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.errors import GitHubError, HeldError, NotFoundError, RolloutError, SettingsError, SlipwayError
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


def promote(repository: Repository, tag: str, *, who: str, reason: str, rollback: bool, say: PrintLine) -> bool:
    """Make a published release Latest, and record who did it, from which release and why. Safe to run again.

    Args:
        rollback: go back to a past champion, and hold later promotions until ``resume``.

    Returns:
        Whether anything changed; False if the release was the champion already.

    Raises:
        NotFoundError: the release is not published, or (rollback) never was champion.
        RolloutError: the gate refused the release, or it is not newer than every past champion.
        HeldError: a rollback holds promotions.
    """
    release, champion = get_published(repository, tag), _tag(latest_release(repository))
    found = settle(repository, champion)
    if champion == tag:
        say(f"{tag} is already the champion; nothing was changed")
        return False
    asset = bundle_asset(release)
    if asset is None:
        raise RolloutError(f"{tag} has no bundle: the gate refused it; {_champion_sentence(champion)}")
    if rollback:
        _check_reason(reason, "a rollback")
        if release.prerelease:
            raise NotFoundError(
                f"{tag} never was champion, so it cannot be rolled back to; {_champion_sentence(champion)}"
            )
    else:
        _check_order(repository, tag, champion)
        _check_not_held(found, champion)
    action: Action = "rollback" if rollback else "rollout"
    record = Record(action=action, from_=champion, to=tag, digest=digest_of(asset), reason=reason, who=who)
    _make_latest(repository, release, record)
    say(f"{tag} is now the champion" + (f", instead of {champion}" if champion else ""))
    return True


def resume(repository: Repository, *, who: str, reason: str, say: PrintLine) -> bool:
    """Lift the hold that a rollback put on promotions; return whether there was one.

    Raises:
        SettingsError: the reason is empty.
        NotFoundError: there is no champion yet.
    """
    _check_reason(reason, "a resume")
    champion = _tag(latest_release(repository))
    if champion is None:
        raise NotFoundError("GitHub has no champion yet, so there is no hold to lift; nothing was changed")
    if active_hold(settle(repository, champion)) is None:
        say("promotions are not held; nothing was changed")
        return False
    record = Record(action="resume", from_=champion, to=champion, digest=None, reason=reason, who=who)
    conclude(record_intent(repository, record, champion), "done")
    say(f"promotions resumed; {champion} is the champion")
    return True


def _check_not_held(found: list[DeploymentRecord], champion: str | None) -> None:
    """Refuse while a rollback holds promotions.

    Raises:
        HeldError: promotions are held; the message names who rolled back, from which release and why.
    """
    if (held := active_hold(found)) is not None:
        raise HeldError(
            f"promotions are held because {held.who} rolled back from {held.from_} to {held.to} ({held.reason}); "
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
            raise RolloutError(f"{release.tag_name} was made Latest, but GitHub still reports {now}; run this again")
    except SlipwayError as error:
        # After a temporary failure nobody knows whether Latest moved: the retry concludes the record by looking.
        if not (isinstance(error, GitHubError) and error.transient):
            conclude(deployment, "failed", str(error))
        raise
    conclude(deployment, "done")


def _yield_to_a_rollback(repository: Repository, deployment: Deployment) -> None:
    """Give Latest back to a rollback that began during this promotion.

    A rollback does not wait for a running deploy.yml, so both can write Latest. The rollback wins, whoever wrote last.
    """
    later = (r for r in records(repository) if r.deployment.id > deployment.id and r.state != "failed")
    rollback = next((r.record for r in later if r.record.action == "rollback"), None)
    if rollback is None or rollback.to is None:
        return
    with github_errors(f"Latest could not be given back to {rollback.to}"):
        patch(get_published(repository, rollback.to), make_latest="true")
    raise HeldError(
        f"{rollback.who} rolled back to {rollback.to} in the meantime ({rollback.reason}), so {rollback.to} is the "
        "champion; resume.yml lifts the hold on promotions"
    )


def _check_order(repository: Repository, tag: str, champion: str | None) -> None:
    newer = [r.tag_name for r in champions(repository) if parse_tag(r.tag_name) >= parse_tag(tag)]
    if tag in newer:
        raise RolloutError(
            f"{tag} is a past champion; use rollback.yml to go back to it; {_champion_sentence(champion)}"
        )
    if newer:
        raise RolloutError(f"{tag} is not newer than {newer[0]}, which was champion; {_champion_sentence(champion)}")


def _check_reason(reason: str, command: str) -> None:
    if not reason.strip():
        raise SettingsError(f"{command} needs a reason for the history; give one with --reason")


def _champion_sentence(champion: str | None) -> str:
    return f"the champion is still {champion}" if champion else "there is still no champion"


def _tag(release: GitRelease | None) -> str | None:
    return release.tag_name if release is not None else None
