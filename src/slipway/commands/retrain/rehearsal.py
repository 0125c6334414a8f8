"""Do a trial run with the new data pin before anything is committed, and compare the release with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slipway.bundle.release_file import engine_name
from slipway.commands.rehearse import Baselines, Rehearsal, train_and_judge
from slipway.commands.retrain.commit import MODEL_TRAILER
from slipway.commands.retrain.plan import Plan
from slipway.commands.retrain.record import RehearsalRecord, file_digests
from slipway.pipeline.candidate import Candidate
from slipway.reporting.progress import Progress
from slipway.storage.digests import file_digest
from slipway.versioning.git.checkout import checkout_at, earlier_release
from slipway.versioning.git.command import git


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
    record = RehearsalRecord(file_digests(plan), model_digest(rehearsal.candidate))
    return RetrainRehearsal(rehearsal.candidate, rehearsal.verdict, rehearsal.champion, rehearsal.verdict_text, record)


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
