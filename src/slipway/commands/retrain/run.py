"""A retrain from wish to commit: plan, look at the data, rehearse, and move the pin as far as it was asked to go."""

from __future__ import annotations

import datetime
import hashlib
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from slipway.commands.rehearse import open_baselines
from slipway.commands.retrain import commit
from slipway.commands.retrain.changes import Changes, compare
from slipway.commands.retrain.pin import RetrainRequest
from slipway.commands.retrain.plan import Plan, plan
from slipway.commands.retrain.rehearsal import RetrainRehearsal, check_still_valid, rehearse
from slipway.errors import BusyError, DataChangedError, DataError, RetrainError
from slipway.pipeline import run as pipeline
from slipway.reporting.progress import Progress
from slipway.settings.settings import STATE
from slipway.storage import atomic
from slipway.storage.locks import exclusive_lock

Goal = Literal["file", "commit", "push", "propose"]


@dataclass(frozen=True)
class RetrainJob:
    """What is asked for, how it is to be tried first, and how far it shall go."""

    settings_file: Path
    request: RetrainRequest
    goal: Goal = "file"
    rehearse: bool = False
    rehearsal_record: str = ""
    github: bool = False


@dataclass(frozen=True)
class RetrainResult:
    """What became of it: ``commit`` is the new one, ``branch`` the one that has it, ``proposal`` its pull request.

    ``behind`` is why this checkout could not follow a commit that was pushed.
    """

    plan: Plan
    changes: Changes | None = None
    rehearsal: RetrainRehearsal | None = None
    commit: str = ""
    branch: str = ""
    proposal: str = ""
    fast_forward_error: str = ""

    @property
    def refused(self) -> bool:
        """Whether the rehearsal was refused, so that nothing moved."""
        return self.rehearsal is not None and self.rehearsal.verdict.verdict == "refuse"


def retrain(job: RetrainJob, progress: Progress) -> RetrainResult:
    """Move the data pin, or say why not; a pin that stays where it is changes nothing.

    Raises:
        GateRefused: the rehearsal was refused.
        BranchMovedError: what was rehearsed is not what would be committed, or the branch moved.
        BusyError: another retrain runs in this checkout.
        SlipwayError: whatever else stood in the way. The pin is where it was.
    """
    with _retrain_lock(job.settings_file.absolute().parent):
        planned = plan(job.settings_file, job.request, datetime.datetime.now(datetime.UTC).date())
        done = RetrainResult(planned)
        if planned.state != "moved":
            return done
        progress(planned.subject)
        if job.rehearsal_record:
            model = check_still_valid(planned, job.rehearsal_record).model
        else:
            done = replace(done, changes=_compare_data(planned, progress))
            done = replace(done, rehearsal=_rehearse(planned, job, progress) if job.rehearse else None)
            model = done.rehearsal.record.model if done.rehearsal else ""
        return done if done.refused else _move_pin(done, job.goal, model)


def _compare_data(planned: Plan, progress: Progress) -> Changes | None:
    """Validate the new data and compare it with the earlier, where that can still be read."""
    after = pipeline.ingest_only(planned.after, say=progress)
    try:
        before = pipeline.ingest_only(planned.before, validate=False, say=progress)
    except (DataError, DataChangedError) as error:
        progress(f"what changes cannot be shown, since the earlier data is gone: {error}")
        return None
    return compare(before, after, planned.after)


def _rehearse(planned: Plan, job: RetrainJob, progress: Progress) -> RetrainRehearsal:
    with open_baselines(planned.after, github=job.github) as opponents:
        return rehearse(planned, opponents, progress)


def _move_pin(result: RetrainResult, goal: Goal, model: str) -> RetrainResult:
    planned = result.plan
    if goal == "file":
        atomic.write_file(planned.after.root / Path(planned.repo_path).name, planned.new_text.encode())
        return result
    with TemporaryDirectory(prefix="slipway-retrain-") as folder:
        settings = Path(folder, "settings")
        settings.write_bytes(planned.new_text.encode())
        files = {planned.repo_path: settings, **planned.pinned_files()}
        made = commit.create_commit(planned.checkout, files, planned.message(model))
    if goal == "propose":
        return _open_pull_request(result, made, planned.message(model))
    if goal == "push":
        commit.push(planned.checkout, made)
    behind = commit.fast_forward(planned.checkout, made, files)
    if behind and goal == "commit":
        raise RetrainError(f"the checkout could not follow the commit of the pin: {behind}; the branch is where it was")
    return replace(result, commit=made, branch=planned.checkout.branch, fast_forward_error=behind)


def _open_pull_request(result: RetrainResult, commit_hash: str, message: str) -> RetrainResult:
    from slipway.github.client import connect
    from slipway.github.issues import open_pull_request

    planned = result.plan
    which = planned.pin.through or hashlib.sha256(planned.new_text.encode()).hexdigest()[:12]
    branch = f"retrain/{planned.after.name}-{which}"
    commit.push_branch(planned.checkout, commit_hash, branch, planned.repo_path)
    first, _, body = message.partition("\n\n")
    address = open_pull_request(connect(), branch, base=planned.checkout.branch, title=first, body=body)
    return replace(result, commit=commit_hash, branch=branch, proposal=address)


def _retrain_lock(root: Path) -> AbstractContextManager[None]:
    """Be the only retrain of this checkout."""
    return exclusive_lock(
        root / STATE / "retrain.lock",
        "slipway retrain",
        busy_error=lambda by: BusyError(f"{by} is at work in {root}; nothing was changed; try again when it has ended"),
    )
