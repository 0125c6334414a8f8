"""Do a trial run with the new data pin before anything is committed, and check later that its result is still valid."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from slipway.bundle.release_file import engine_name
from slipway.commands.rehearse import Baselines, Rehearsal, train_and_judge
from slipway.commands.retrain.commit import MODEL_TRAILER
from slipway.commands.retrain.plan import Plan
from slipway.errors import BranchMovedError, SettingsError
from slipway.pipeline.candidate import Candidate
from slipway.reporting.progress import Progress
from slipway.settings.settings import CONTRACT_FILE, LOCK_FILE
from slipway.storage.digests import file_digest
from slipway.versioning.git.checkout import checkout_at, earlier_release
from slipway.versioning.git.command import git, run

_TRAINING_INPUTS = (CONTRACT_FILE, "components", "pipeline", "src", LOCK_FILE)
"""What training depends on, besides the settings and the data that they pin."""


class RehearsalRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The inputs of a trial run, by name and digest, and the sha256 of its model; one line of JSON for a later job."""

    files: dict[str, str]
    model: str


@dataclass(frozen=True)
class RetrainRehearsal(Rehearsal):
    """The result of a trial run, with the record for a later job."""

    record: RehearsalRecord


def rehearse(plan: Plan, baselines: Baselines, progress: Progress) -> RetrainRehearsal:
    """Train with the new data pin and evaluate the model as the release will.

    Raises:
        SlipwayError: the pipeline or the gate failed.
    """
    rehearsal = train_and_judge(plan.after, f"the retrain through {plan.pin.through}", baselines, progress=progress)
    record = RehearsalRecord(_file_digests(plan), model_digest(rehearsal.candidate))
    return RetrainRehearsal(rehearsal.candidate, rehearsal.verdict, rehearsal.champion, rehearsal.verdict_text, record)


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
    now = _file_digests(plan)
    if moved := [name for name in sorted({*now, *rehearsed.files}) if now.get(name) != rehearsed.files.get(name)]:
        raise BranchMovedError(
            f"{', '.join(moved)} changed since the rehearsal, so its result is no longer valid; nothing was "
            "changed; run the retrain again"
        )
    return rehearsed


def model_digest(candidate: Candidate) -> str:
    """Return the sha256 of the model file that would be served."""
    return file_digest(candidate.model / f"model.{engine_name(candidate.model)}")


def compare_to_rehearsal(root: Path, candidate: Candidate) -> str:
    """Return a sentence on whether a release's model is that of its trial run; empty if there was no trial run."""
    checkout = checkout_at(root)
    before = earlier_release(checkout)
    since = f"refs/tags/{before}..HEAD" if before else "HEAD"
    rehearsed = git(
        checkout.root, "log", f"--format=%(trailers:key={MODEL_TRAILER},valueonly,separator=%x20)", since
    ).split()
    if not rehearsed:
        return ""
    released = model_digest(candidate)
    if released == rehearsed[0]:
        return f"the model is identical to that of the trial run: sha256 {released}"
    return (
        f"the model differs from that of the trial run: sha256 {released}, then {rehearsed[0][:64]}; settings, code, "
        "lock or machine differ, and the gate evaluated this release separately"
    )


def _file_digests(plan: Plan) -> dict[str, str]:
    root, function = plan.after.root, plan.after.data.function.rpartition(":")[0]
    # Old and new text: another retrain in between counts as a change, even if the new text would be the same.
    found = {plan.repo_path: hashlib.sha256(f"{plan.old_text}\0{plan.new_text}".encode()).hexdigest()}
    for name in (*_TRAINING_INPUTS, function):
        found[name] = run(root, "rev-parse", "--verify", "-q", f"HEAD:./{name}").stdout.strip()
    return found
