"""Write what a command intends to do to a target and how it ended, and undo what a killed command left unfinished."""

from __future__ import annotations

import secrets

import msgspec

from slipway.bundle.release_file import Bundle, version_in_name
from slipway.storage.clock import now
from slipway.target import journal
from slipway.target.journal import Action, Entry, Outcome
from slipway.target.target import Target


def settle(target: Target, *, who: str = "settle") -> list[Entry]:
    """Undo what killed commands left unfinished: switch back to where each began, and record it as interrupted.

    Returns:
        The concluding entry of each.

    Raises:
        NotFoundError: the target does not exist.
        BusyError: another command holds its lock.
    """
    with target.lock(who):
        return settle_locked(target)


def settle_locked(target: Target) -> list[Entry]:
    """As ``settle``, for a caller that holds the target's lock."""
    # Newest first, so that the target ends at the start of the oldest unfinished command.
    return [_undo_intent(target, intent) for intent in reversed(journal.open_intents(target.entries()))]


def _undo_intent(target: Target, intent: Entry) -> Entry:
    if target.champion_folder() != intent.from_folder:
        target.flip(intent.from_folder)
    return conclude(target, intent, "interrupted")


def new_entry(
    target: Target, bundle: Bundle | None, action: Action, who: str, reason: str, outcome: Outcome = ""
) -> Entry:
    """Build an entry that begins now, from the current champion to ``bundle``."""
    before = target.champion_folder()
    return Entry(
        id=secrets.token_hex(8),
        at=now(),
        who=who,
        action=action,
        from_=version_in_name(before) if before else None,
        to=bundle.release.version if bundle else None,
        digest=bundle.digest if bundle else None,
        folder=bundle.path.name if bundle else None,
        from_folder=before,
        reason=reason,
        outcome=outcome,
    )


def conclude(target: Target, intent: Entry, outcome: Outcome) -> Entry:
    """Append the outcome of an intent to the journal."""
    return journal.append(target.journal, msgspec.structs.replace(intent, at=now(), outcome=outcome))
