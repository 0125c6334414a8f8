"""Making a bundle champion, or going back: staged, flipped, proved and written down, or undone."""

from __future__ import annotations

import secrets
from pathlib import Path

import msgspec
from semver import Version

from deploy import durable, journal
from deploy.bundle import Bundle, folder_name, verify
from deploy.journal import Action, Entry, Outcome
from deploy.proof import prove
from deploy.realtime.presence import now
from deploy.scorer import load
from deploy.signature import Vouch, anyone
from deploy.target import Target, version_of
from pipeline.errors import HeldError, NotFoundError, RolloutError, SettingsError


def settle(target: Target, *, who: str = "settle") -> None:
    """Undo what a killed command left: go back to where its intent began, and write that it was interrupted.

    Raises:
        NotFoundError: there is no such target.
        BusyError: another command is at work on it.
    """
    with target.lock(who):
        _settle(target)


def roll_out(
    target: Target,
    bundle_folder: Path,
    *,
    who: str,
    reason: str,
    allow_prerelease: bool,
    automatic: bool = True,
    vouch: Vouch = anyone,
) -> Entry:
    """Make a bundle the champion, or leave the target as it was.

    A bundle that already is the champion is only proved again, and nothing is written.

    Args:
        automatic: whether a hold stops it; a person who insists may say no.
        vouch: raises where the bundle is not signed by one who is trusted.

    Returns:
        The journal entry that made the bundle champion.

    Raises:
        BusyError, HeldError: not now.
        NotFoundError, BundleError: there is no whole bundle.
        SignatureError: it is not signed by one who is trusted.
        RolloutError: its version may not follow, or the proof failed; the champion is still the one it was.
    """
    with target.lock(who, create=True):
        _settle(target)
        bundle = verify(bundle_folder)
        if target.champion_folder() == folder_name(bundle.release.version, bundle.digest):
            return _proved_again(target, who, reason)
        if automatic:
            _check_held(target)
        _check_order(target, bundle, allow_prerelease)
        vouch(bundle)
        return _transact(target, _staged(target, bundle), "rollout", who, reason)


def roll_back(
    target: Target,
    *,
    to: str | None = None,
    reason: str,
    who: str,
    bundle_folder: Path | None = None,
    vouch: Vouch = anyone,
) -> Entry:
    """Make a past champion the champion again, mark the present one bad and hold automatic rollouts.

    Args:
        to: a version or a folder name; without it, the latest past champion that is not marked bad.
        bundle_folder: where the earlier release is, for a target that need never have served it: GitHub did.
        vouch: raises where a bundle from elsewhere is not signed by one who is trusted.

    Raises:
        SettingsError: no reason is given.
        NotFoundError: there is no such past champion here.
        BundleError: it is not whole any more; nothing was changed.
        RolloutError: the proof failed; the champion is still the one it was.
    """
    _check_reason(reason, "rollback")
    with target.lock(who):
        _settle(target)
        if bundle_folder is None:
            return _transact(target, _past(target, to), "rollback", who, reason)
        bundle = verify(bundle_folder)
        vouch(bundle)
        return _transact(target, _staged(target, bundle), "rollback", who, reason)


def resume(target: Target, *, reason: str, who: str) -> Entry:
    """Let automatic rollouts go on after a rollback; saying it twice does no harm.

    Raises:
        SettingsError: no reason is given.
    """
    _check_reason(reason, "resume")
    with target.lock(who):
        _settle(target)
        bundle = target.champion()
        return journal.append(target.journal, _entry(target, bundle, "resume", who, reason, "done"))


def _past(target: Target, to: str | None) -> Bundle:
    past = target.past_champion(to)
    scorer = load(target.release(past.folder or ""), expected_digest=past.digest)
    scorer.check_golden()
    return scorer.bundle


def _settle(target: Target) -> None:
    for intent in reversed(journal.unfinished(target.entries())):
        if target.champion_folder() != intent.from_folder:
            target.flip(intent.from_folder)
        _conclude(target, intent, "interrupted")


def _transact(target: Target, bundle: Bundle, action: Action, who: str, reason: str) -> Entry:
    intent = journal.append(target.journal, _entry(target, bundle, action, who, reason))
    try:
        target.flip(intent.folder)
        prove(target, bundle)
        return _conclude(target, intent, "proved")
    except BaseException as error:
        # Also what a person's Ctrl-C interrupts goes back at once.
        target.flip(intent.from_folder)
        _conclude(target, intent, "failed")
        if not isinstance(error, Exception):
            raise
        version = bundle.release.version
        raise RolloutError(f"the {action} to {version} failed: {error}; {target.champion_sentence()}") from error


def _entry(
    target: Target, bundle: Bundle | None, action: Action, who: str, reason: str, outcome: Outcome = ""
) -> Entry:
    before = target.champion_folder()
    return Entry(
        id=secrets.token_hex(8),
        at=now(),
        who=who,
        action=action,
        from_=version_of(before) if before else None,
        to=bundle.release.version if bundle else None,
        digest=bundle.digest if bundle else None,
        folder=bundle.path.name if bundle else None,
        from_folder=before,
        reason=reason,
        outcome=outcome,
    )


def _conclude(target: Target, intent: Entry, outcome: Outcome) -> Entry:
    return journal.append(target.journal, msgspec.structs.replace(intent, at=now(), outcome=outcome))


def _proved_again(target: Target, who: str, reason: str) -> Entry:
    champion = target.champion()
    if champion is None:
        raise NotFoundError(f"{target} has no champion any more")
    prove(target, champion)
    made = [entry for entry in target.past_champions() if entry.digest == champion.digest]
    return made[-1] if made else _entry(target, champion, "rollout", who, reason, "proved")


def _staged(target: Target, bundle: Bundle) -> Bundle:
    folder = target.release(folder_name(bundle.release.version, bundle.digest))
    if not folder.exists():
        durable.publish_folder(bundle.path, folder)
    scorer = load(folder, expected_digest=bundle.digest)
    scorer.check_golden()
    return scorer.bundle


def _check_held(target: Target) -> None:
    if (hold := target.held()) is not None:
        raise HeldError(
            f"automatic rollouts to {target} are held since {hold.who} rolled back from {hold.from_} to {hold.to} "
            f"({hold.reason}); `slipway resume` lifts the hold; {target.champion_sentence()}"
        )


def _check_order(target: Target, bundle: Bundle, allow_prerelease: bool) -> None:
    version = _parsed(bundle.release.version)
    if version.prerelease and not allow_prerelease:
        raise RolloutError(f"{version} is a pre-release, which {target} does not take; {target.champion_sentence()}")
    past = {entry.folder: (entry.to, entry.digest) for entry in target.past_champions()}
    if (folder := target.champion_folder()) is not None:
        past.setdefault(folder, (version_of(folder), None))
    for was, digest in past.values():
        rebuilt = version.prerelease and digest != bundle.digest and version == _parsed(was or "")
        if version <= _parsed(was or "") and not rebuilt:
            raise RolloutError(
                f"{version} is not newer than {was}, which was champion of {target}: release a newer version, or go "
                f"back with `slipway rollback`; {target.champion_sentence()}"
            )


def _parsed(version: str) -> Version:
    try:
        return Version.parse(version)
    except ValueError:
        raise RolloutError(f"'{version}' is not a semantic version, so it has no place in the order") from None


def _check_reason(reason: str, command: str) -> None:
    if not reason.strip():
        raise SettingsError(f"a {command} needs a reason, for those who read the history; give one with --reason")
