"""Roll out a bundle or roll back to an earlier one: stage, switch, verify and record, or undo everything."""

from __future__ import annotations

from pathlib import Path

from slipway.bundle.release_file import Bundle, folder_name, verify
from slipway.bundle.signature import SignatureCheck, accept_any
from slipway.errors import BundleError, NotFoundError, RolloutError, SettingsError
from slipway.inference.scorer import load
from slipway.rollout.release_copies import remove_unused_locked
from slipway.rollout.verification import verify_rollout
from slipway.storage import atomic
from slipway.target import journal
from slipway.target.journal import Action, Entry
from slipway.target.target import Target
from slipway.target.transaction import conclude, new_entry, settle_locked
from slipway.target.version_order import check_not_held, check_order


def roll_out(
    target: Target,
    bundle_folder: Path,
    *,
    who: str,
    reason: str,
    allow_prerelease: bool,
    automatic: bool = True,
    check_signature: SignatureCheck = accept_any,
) -> Entry:
    """Make a bundle the champion, or leave the target unchanged.

    A bundle that already is the champion is only verified again, and nothing is written.

    Args:
        automatic: True if a hold stops this rollout; False overrides the hold.
        check_signature: raises SignatureError if the bundle is not signed by the trusted signer.

    Returns:
        The journal entry that made the bundle champion.

    Raises:
        BusyError: another command holds the target's lock.
        HeldError: a rollback holds rollouts.
        NotFoundError, BundleError: the bundle is missing or damaged.
        SignatureError: the bundle is not signed by the trusted signer.
        RolloutError: the version is not newer, or verification failed; the champion is unchanged.
    """
    with target.lock(who, create=True):
        settle_locked(target)
        bundle = verify(bundle_folder)
        if target.champion_folder() == folder_name(bundle.release.version, bundle.digest):
            return _verify_again(target, who, reason)
        if automatic:
            check_not_held(target)
        check_order(target, bundle, allow_prerelease)
        check_signature(bundle)
        # Staged before the intent is written, so that only a bundle that loads and predicts gets into the journal.
        return _transact(target, _stage(target, bundle), "rollout", who, reason)


def roll_back(
    target: Target,
    *,
    to: str | None = None,
    reason: str,
    who: str,
    bundle_folder: Path | None = None,
    check_signature: SignatureCheck = accept_any,
) -> Entry:
    """Make a past champion the champion again, mark the current one as rolled back, and hold automatic rollouts.

    Repeated during the hold, it only verifies the champion again: a job that was killed and runs a second time must not
    go back two releases. Use ``to`` to go further back.

    Args:
        to: a version or a folder name; by default the newest past champion that was not rolled back.
        bundle_folder: the earlier release, downloaded from GitHub; this target need never have served it.
        check_signature: raises SignatureError if the bundle in ``bundle_folder`` is not signed by the trusted signer.

    Raises:
        SettingsError: the reason is empty.
        NotFoundError: the target has no such past champion.
        BundleError: the past champion is damaged; nothing was changed.
        RolloutError: verification failed; the champion is unchanged.
    """
    _check_reason(reason, "a rollback")
    with target.lock(who):
        settle_locked(target)
        if bundle_folder is not None:
            bundle = verify(bundle_folder)
            check_signature(bundle)
            return _transact(target, _stage(target, bundle), "rollback", who, reason)
        if (done := _matching_hold(target, to)) is not None:
            return _verify_again(target, who, done.reason)
        return _transact(target, _load_past_champion(target, to), "rollback", who, reason)


def resume(target: Target, *, reason: str, who: str) -> Entry:
    """Lift the hold that a rollback put on automatic rollouts; repeating it is harmless.

    Raises:
        SettingsError: the reason is empty.
    """
    _check_reason(reason, "a resume")
    with target.lock(who):
        settle_locked(target)
        bundle = target.champion()
        return journal.append(target.journal, new_entry(target, bundle, "resume", who, reason, "done"))


def _load_past_champion(target: Target, to: str | None) -> Bundle:
    past = target.past_champion(to)
    try:
        scorer = load(target.release_path(past.folder or ""), expected_digest=past.digest)
        scorer.check_golden()
    except BundleError as error:
        raise BundleError(f"{error}; {target.champion_sentence()}; `slipway doctor` may restore it") from None
    return scorer.bundle


def _transact(target: Target, bundle: Bundle, action: Action, who: str, reason: str) -> Entry:
    intent = journal.append(target.journal, new_entry(target, bundle, action, who, reason))
    try:
        target.flip(intent.folder)
        verify_rollout(target, bundle)
        done = conclude(target, intent, "proved")
    except BaseException as error:
        # BaseException, so that Ctrl-C is undone at once too.
        # Switch back before recording it: if the process is killed in between, the next command settles the open intent.
        target.flip(intent.from_folder)
        conclude(target, intent, "failed")
        remove_unused_locked(target)
        if not isinstance(error, Exception):
            raise
        version = bundle.release.version
        raise RolloutError(f"the {action} to {version} failed: {error}; {target.champion_sentence()}") from error
    remove_unused_locked(target)
    return done


def _matching_hold(target: Target, to: str | None) -> Entry | None:
    """The rollback that holds the target, if its result is the current champion and matches ``to``; else None."""
    held = target.active_hold()
    if held is None or held.folder != target.champion_folder():
        return None
    return held if to in {None, held.to, held.folder} else None


def _verify_again(target: Target, who: str, reason: str) -> Entry:
    champion = target.champion()
    if champion is None:
        raise NotFoundError(f"{target} has no champion anymore; nothing was changed")
    verify_rollout(target, champion)
    entries = [entry for entry in target.past_champions() if entry.digest == champion.digest]
    return entries[-1] if entries else new_entry(target, champion, "rollout", who, reason, "proved")


def _stage(target: Target, bundle: Bundle) -> Bundle:
    folder = target.release_path(folder_name(bundle.release.version, bundle.digest))
    if not folder.exists():
        atomic.publish_folder(bundle.path, folder)
    try:
        scorer = load(folder, expected_digest=bundle.digest)
        scorer.check_golden()
    except BundleError:
        remove_unused_locked(target)
        raise
    return scorer.bundle


def _check_reason(reason: str, command: str) -> None:
    if not reason.strip():
        raise SettingsError(f"{command} needs a reason for the history; give one with --reason")
