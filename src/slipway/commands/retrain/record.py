"""Record what a trial run was made from, for a later job that checks whether its result is still valid."""

from __future__ import annotations

import hashlib

import msgspec

from slipway.commands.retrain.plan import Plan
from slipway.errors import BranchMovedError, SettingsError
from slipway.settings.settings import COMPONENTS_LOCK, CONTRACT_FILE, LOCK_FILE
from slipway.versioning.git.command import run

_TRAINING_INPUTS = (CONTRACT_FILE, COMPONENTS_LOCK, "components", "pipeline", "src", LOCK_FILE)
"""What training depends on, besides the settings and the data that they pin."""


class RehearsalRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The inputs of a trial run, by name and digest, and the sha256 of its model; one line of JSON for a later job."""

    files: dict[str, str]
    model: str


def check_still_valid(plan: Plan, text: str) -> RehearsalRecord:
    """Return the record of a trial run, if it covers exactly what would be committed now.

    Raises:
        BranchMovedError: settings, data, components or lock have changed since the trial run.
        SettingsError: the text is not such a record.
    """
    try:
        rehearsed = msgspec.json.decode(text, type=RehearsalRecord)
    except msgspec.DecodeError as error:
        raise SettingsError(f"--rehearsed is not the result of a rehearsal: {error}; nothing was changed") from None
    now = file_digests(plan)
    if moved := [name for name in sorted({*now, *rehearsed.files}) if now.get(name) != rehearsed.files.get(name)]:
        raise BranchMovedError(
            f"{', '.join(moved)} changed since the rehearsal, so its result is no longer valid; nothing was "
            "changed; run the retrain again"
        )
    return rehearsed


def file_digests(plan: Plan) -> dict[str, str]:
    """Return the digest of everything that training depends on, by name."""
    root, function = plan.after.root, plan.after.data.function.rpartition(":")[0]
    # Old and new text: another retrain in between counts as a change, even if the new text would be the same.
    found = {plan.repo_path: hashlib.sha256(f"{plan.old_text}\0{plan.new_text}".encode()).hexdigest()}
    for name in (*_TRAINING_INPUTS, function):
        found[name] = run(root, "rev-parse", "--verify", "-q", f"HEAD:./{name}").stdout.strip()
    return found
