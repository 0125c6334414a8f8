"""The rehearsal: train and judge with the new pin before anything is committed, and prove later that it still counts."""

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
"""What a training depends on beside the settings and the data that they pin."""


class RehearsalRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was rehearsed, by name and digest, and the sha256 of the model that it made: one line for a later job."""

    files: dict[str, str]
    model: str


@dataclass(frozen=True)
class RetrainRehearsal(Rehearsal):
    """How it went: the verdict, in rules and in words, on a candidate that no release has yet."""

    record: RehearsalRecord


def rehearse(plan: Plan, baselines: Baselines, progress: Progress) -> RetrainRehearsal:
    """Train with the new pin, and judge as the tag's run will.

    Raises:
        SlipwayError: whatever stopped the pipeline.
    """
    judged = train_and_judge(plan.after, f"the retrain through {plan.pin.through}", baselines, progress=progress)
    record = RehearsalRecord(_file_digests(plan), model_digest(judged.candidate))
    return RetrainRehearsal(judged.candidate, judged.verdict, judged.champion, judged.verdict_text, record)


def check_still_valid(plan: Plan, text: str) -> RehearsalRecord:
    """The record of a rehearsal, if it was one of exactly what would be committed now.

    Raises:
        BranchMovedError: settings, data, components or lock are others than those that were rehearsed.
        SettingsError: it is no such record.
    """
    try:
        rehearsed = msgspec.json.decode(text, type=RehearsalRecord)
    except msgspec.DecodeError as error:
        raise SettingsError(f"--rehearsed is not what a rehearsal said: {error}") from None
    now = _file_digests(plan)
    if moved := [name for name in sorted({*now, *rehearsed.files}) if now.get(name) != rehearsed.files.get(name)]:
        raise BranchMovedError(
            f"{', '.join(moved)} changed since the rehearsal, so its verdict does not count any more; nothing was "
            "changed; run the retrain again"
        )
    return rehearsed


def model_digest(candidate: Candidate) -> str:
    """The sha256 of the model file that serves."""
    return file_digest(candidate.model / f"model.{engine_name(candidate.model)}")


def compare_to_rehearsal(root: Path, candidate: Candidate) -> str:
    """Whether a release's model is the one that its retrain rehearsed, in words; empty where nothing was rehearsed."""
    checkout = checkout_at(root)
    before = earlier_release(checkout)
    since = f"refs/tags/{before}..HEAD" if before else "HEAD"
    said = git(
        checkout.root, "log", f"--format=%(trailers:key={MODEL_TRAILER},valueonly,separator=%x20)", since
    ).split()
    if not said:
        return ""
    made = model_digest(candidate)
    if made == said[0]:
        return f"the model is the rehearsed one, byte for byte: sha256 {made}"
    return (
        f"the model is another than the rehearsed one: sha256 {made} here and {said[0][:64]} there; settings, code, lock "
        "or machine differ, and this release was judged by itself"
    )


def _file_digests(plan: Plan) -> dict[str, str]:
    root, function = plan.after.root, plan.after.data.function.rpartition(":")[0]
    # From which pin to which: another retrain in between counts as a change, even where this one would end the same.
    found = {plan.repo_path: hashlib.sha256(f"{plan.old_text}\0{plan.new_text}".encode()).hexdigest()}
    for name in (*_TRAINING_INPUTS, function):
        found[name] = run(root, "rev-parse", "--verify", "-q", f"HEAD:./{name}").stdout.strip()
    return found
