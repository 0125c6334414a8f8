"""Who made which release champion, when and why: GitHub deployments in an environment of our own, ``champion``.

Each is written before Latest moves and concluded after, as the target's journal is; an unfinished one is settled by
looking at where Latest stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from slipway.github.client import github_errors

if TYPE_CHECKING:
    from github.Deployment import Deployment
    from github.Repository import Repository

ENVIRONMENT = "champion"
Action = Literal["rollout", "rollback", "resume"]
State = Literal["unfinished", "done", "failed"]
_MAX_DESCRIPTION = 140


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of one deployment; ``from_`` and ``to`` are tags, ``digest`` is that of the packed bundle."""

    action: Action
    from_: str | None = msgspec.field(name="from")
    to: str | None
    digest: str | None
    reason: str
    who: str


@dataclass(frozen=True, slots=True)
class DeploymentRecord:
    """A record as it stands on GitHub."""

    record: Record
    state: State
    at: datetime
    deployment: Deployment


def records(repository: Repository) -> list[DeploymentRecord]:
    """Every record, the newest first."""
    with github_errors("the records of past champions cannot be read"):
        return [found for d in repository.get_deployments(environment=ENVIRONMENT) if (found := _read(d)) is not None]


def settle(repository: Repository, latest: str | None) -> list[DeploymentRecord]:
    """Conclude what a killed command left: done where Latest is where it wanted it, else failed; returns them all."""
    found = records(repository)
    for recorded in found:
        if recorded.state == "unfinished":
            moved = recorded.record.action == "resume" or recorded.record.to == latest
            conclude(recorded.deployment, "done" if moved else "failed", "settled after an interruption")
    return records(repository) if any(r.state == "unfinished" for r in found) else found


def active_hold(entries: list[DeploymentRecord]) -> Record | None:
    """The rollback that holds automatic rollouts, unless a resume came after it."""
    newest = _last_hold_or_resume(entries)
    return newest.record if newest is not None and newest.record.action == "rollback" else None


def resume_time(entries: list[DeploymentRecord]) -> datetime | None:
    """When the newest resume lifted the hold, unless a rollback came after it."""
    newest = _last_hold_or_resume(entries)
    return newest.at if newest is not None and newest.record.action == "resume" else None


def _last_hold_or_resume(entries: list[DeploymentRecord]) -> DeploymentRecord | None:
    return next((r for r in entries if r.state == "done" and r.record.action != "rollout"), None)


def record_intent(repository: Repository, record: Record, ref: str) -> Deployment:
    """Write down what is about to be done. No checks are waited for and nothing is merged: it is a record only."""
    with github_errors(f"the {record.action} could not be recorded, so nothing was changed"):
        return repository.create_deployment(
            ref,
            task="deploy",
            auto_merge=False,
            required_contexts=[],
            payload=msgspec.to_builtins(record),
            environment=ENVIRONMENT,
            description=f"{record.action}: {record.reason}"[:_MAX_DESCRIPTION],
            production_environment=False,
        )


def conclude(deployment: Deployment, state: State, description: str = "") -> None:
    """Write how it ended."""
    told = {"done": "success", "failed": "failure", "unfinished": "in_progress"}[state]
    with github_errors("how it ended could not be recorded; running this again does it"):
        deployment.create_status(told, description=description[:_MAX_DESCRIPTION], auto_inactive=False)


def _read(deployment: Deployment) -> DeploymentRecord | None:
    payload: Any = deployment.payload
    if isinstance(payload, str):
        payload = msgspec.json.decode(payload or "{}")
    try:
        record = msgspec.convert(payload, Record)
    except msgspec.ValidationError:
        return None
    states = {status.state for status in deployment.get_statuses()}
    state: State = "done" if "success" in states else "failed" if states & {"failure", "error"} else "unfinished"
    return DeploymentRecord(record, state, deployment.created_at, deployment)
