"""Run a retrain: plan it, compare the data, do a trial run, and change, commit or push the data pin."""

from __future__ import annotations

import datetime
import hashlib
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from slipway.commands.retrain import commit
from slipway.commands.retrain.pin import RetrainRequest
from slipway.commands.retrain.plan import Plan, plan
from slipway.commands.retrain.record import check_still_valid
from slipway.errors import BusyError, DataChangedError, DataError, RetrainError
from slipway.reporting.progress import Progress
from slipway.settings.settings import STATE
from slipway.storage import atomic
from slipway.storage.locks import exclusive_lock
from slipway.versioning.git.commit import create_commit

# The jobs that push a pin have no training packages, so only the functions that train or compare import them.
if TYPE_CHECKING:
    from slipway.commands.retrain.changes import Changes
    from slipway.commands.retrain.rehearsal import RetrainRehearsal

Goal = Literal["file", "commit", "push", "propose"]


@dataclass(frozen=True)
class RetrainJob:
    """The request, whether to do a trial run first, and the goal: change the file, commit, push or propose."""

    settings_file: Path
    request: RetrainRequest
    goal: Goal = "file"
    rehearse: bool = False
    rehearsal_record: str = ""
    github: bool = False


@dataclass(frozen=True)
class RetrainResult:
    """The result: ``commit`` is the new commit on ``branch``, and ``proposal`` is its pull request.

    ``fast_forward_error`` is why this checkout could not be updated to a pushed commit.
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
        """Whether the gate refused the trial run, so that nothing was changed."""
        return self.rehearsal is not None and self.rehearsal.verdict.verdict == "refuse"


def retrain(job: RetrainJob, progress: Progress) -> RetrainResult:
    """Run a retrain and return its result; an unchanged data pin changes nothing.

    Raises:
        BranchMovedError: the inputs changed since the trial run, or the branch moved.
        BusyError: another retrain is running in this checkout.
        SlipwayError: anything else failed. The data pin is unchanged.
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
    """Validate the new data and compare it with the earlier data, if that can still be read."""
    from slipway.commands.retrain.changes import compare
    from slipway.pipeline import run as pipeline

    after = pipeline.ingest_only(planned.after, say=progress)
    try:
        before = pipeline.ingest_only(planned.before, validate=False, say=progress)
    except (DataError, DataChangedError) as error:
        progress(f"the changes cannot be shown, because the earlier data cannot be read: {error}")
        return None
    return compare(before, after, planned.after)


def _rehearse(planned: Plan, job: RetrainJob, progress: Progress) -> RetrainRehearsal:
    from slipway.commands.rehearse import open_baselines
    from slipway.commands.retrain.rehearsal import rehearse

    with open_baselines(planned.after, github=job.github) as baselines:
        return rehearse(planned, baselines, progress)


def _move_pin(result: RetrainResult, goal: Goal, model: str) -> RetrainResult:
    planned = result.plan
    if goal == "file":
        atomic.write_file(planned.after.root / Path(planned.repo_path).name, planned.new_text.encode())
        return result
    with TemporaryDirectory(prefix="slipway-retrain-") as folder:
        settings = Path(folder, "settings")
        settings.write_bytes(planned.new_text.encode())
        files = {planned.repo_path: settings, **planned.pinned_files()}
        commit_hash = create_commit(planned.checkout, files, planned.message(model))
    if goal == "propose":
        return _open_pull_request(result, commit_hash, planned.message(model))
    if goal == "push":
        commit.push(planned.checkout, commit_hash)
    error = commit.fast_forward(planned.checkout, commit_hash, files)
    if error and goal == "commit":
        raise RetrainError(f"the checkout could not be updated to the new commit: {error}; the branch is unchanged")
    return replace(result, commit=commit_hash, branch=planned.checkout.branch, fast_forward_error=error)


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
    """Hold the lock that allows one retrain per checkout."""
    return exclusive_lock(
        root / STATE / "retrain.lock",
        "slipway retrain",
        busy_error=lambda by: BusyError(
            f"{by} is running in {root}; nothing was changed; try again when it has finished"
        ),
    )
