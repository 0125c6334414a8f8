"""A retrain from wish to commit: plan, look at the data, rehearse, and move the pin as far as it was asked to go."""

from __future__ import annotations

import datetime
import hashlib
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from slipway.commands.rehearse import opponents_of
from slipway.commands.retrain import commit
from slipway.commands.retrain.changes import Changes, compare
from slipway.commands.retrain.pin import Wish
from slipway.commands.retrain.plan import Plan, plan
from slipway.commands.retrain.rehearsal import Rehearsal, check_still_counts, rehearse
from slipway.errors import BusyError, DataChangedError, DataError, RetrainError
from slipway.pipeline import run as pipeline
from slipway.reporting.progress import Say
from slipway.settings.settings import STATE
from slipway.storage import atomic
from slipway.storage.locks import exclusive

Goal = Literal["file", "commit", "push", "propose"]


@dataclass(frozen=True)
class Request:
    """What is asked for, how it is to be tried first, and how far it shall go."""

    settings_file: Path
    wish: Wish
    goal: Goal = "file"
    rehearse: bool = False
    rehearsed: str = ""
    github: bool = False


@dataclass(frozen=True)
class Retrained:
    """What became of it: ``commit`` is the new one, ``branch`` the one that has it, ``proposal`` its pull request.

    ``behind`` is why this checkout could not follow a commit that was pushed.
    """

    plan: Plan
    changes: Changes | None = None
    rehearsal: Rehearsal | None = None
    commit: str = ""
    branch: str = ""
    proposal: str = ""
    behind: str = ""

    @property
    def refused(self) -> bool:
        """Whether the rehearsal was refused, so that nothing moved."""
        return self.rehearsal is not None and self.rehearsal.verdict.verdict == "refuse"


def retrain(request: Request, say: Say) -> Retrained:
    """Move the data pin, or say why not; a pin that stays where it is changes nothing.

    Raises:
        GateRefused: the rehearsal was refused.
        MovedError: what was rehearsed is not what would be committed, or the branch moved.
        BusyError: another retrain runs in this checkout.
        SlipwayError: whatever else stood in the way. The pin is where it was.
    """
    with _retrain_lock(request.settings_file.absolute().parent):
        planned = plan(request.settings_file, request.wish, datetime.datetime.now(datetime.UTC).date())
        done = Retrained(planned)
        if planned.state != "moved":
            return done
        say(planned.subject)
        if request.rehearsed:
            model = check_still_counts(planned, request.rehearsed).model
        else:
            done = replace(done, changes=_looked_at(planned, say))
            done = replace(done, rehearsal=_rehearsed(planned, request, say) if request.rehearse else None)
            model = done.rehearsal.rehearsed.model if done.rehearsal else ""
        return done if done.refused else _moved(done, request.goal, model)


def _looked_at(planned: Plan, say: Say) -> Changes | None:
    """Validate the new data and compare it with the earlier, where that can still be read."""
    after = pipeline.ingest_only(planned.after, say=say)
    try:
        before = pipeline.ingest_only(planned.before, validate=False, say=say)
    except (DataError, DataChangedError) as error:
        say(f"what changes cannot be shown, since the earlier data is gone: {error}")
        return None
    return compare(before, after, planned.after)


def _rehearsed(planned: Plan, request: Request, say: Say) -> Rehearsal:
    with opponents_of(planned.after, github=request.github) as opponents:
        return rehearse(planned, opponents, say)


def _moved(done: Retrained, goal: Goal, model: str) -> Retrained:
    planned = done.plan
    if goal == "file":
        atomic.write_file(planned.after.root / Path(planned.place).name, planned.text.encode())
        return done
    with TemporaryDirectory(prefix="slipway-retrain-") as folder:
        settings = Path(folder, "settings")
        settings.write_bytes(planned.text.encode())
        files = {planned.place: settings, **planned.pinned_files()}
        made = commit.make(planned.checkout, files, planned.message(model))
    if goal == "propose":
        return _proposed(done, made, planned.message(model))
    if goal == "push":
        commit.push(planned.checkout, made)
    behind = commit.follow(planned.checkout, made, files)
    if behind and goal == "commit":
        raise RetrainError(f"the checkout could not follow the commit of the pin: {behind}; the branch is where it was")
    return replace(done, commit=made, branch=planned.checkout.branch, behind=behind)


def _proposed(done: Retrained, made: str, text: str) -> Retrained:
    from slipway.github.client import connect
    from slipway.github.issues import propose

    planned = done.plan
    which = planned.pin.through or hashlib.sha256(planned.text.encode()).hexdigest()[:12]
    branch = f"retrain/{planned.after.name}-{which}"
    commit.push_aside(planned.checkout, made, branch, planned.place)
    first, _, body = text.partition("\n\n")
    address = propose(connect(), branch, base=planned.checkout.branch, title=first, body=body)
    return replace(done, commit=made, branch=branch, proposal=address)


def _retrain_lock(root: Path) -> AbstractContextManager[None]:
    """Be the only retrain of this checkout."""
    return exclusive(
        root / STATE / "retrain.lock",
        "slipway retrain",
        busy=lambda by: BusyError(f"{by} is at work in {root}; nothing was changed; try again when it has ended"),
    )
