"""Record who made which release champion, when and why, as GitHub deployments of the environment ``champion``.

Like an entry of the target's journal, a record is written before Latest moves and concluded afterwards. If the command
was killed in between, the next one concludes the record by looking at Latest (``settle``).
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
"""GitHub's limit for the description of a deployment status."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of a deployment; ``from_`` and ``to`` are tags, ``digest`` is that of the packed bundle."""

    action: Action
    from_: str | None = msgspec.field(name="from")
    to: str | None
    digest: str | None
    reason: str
    who: str


@dataclass(frozen=True, slots=True)
class DeploymentRecord:
    """A record together with its deployment on GitHub."""

    record: Record
    state: State
    at: datetime
    deployment: Deployment


def records(repository: Repository) -> list[DeploymentRecord]:
    """Read every record, newest first; deployments with another payload are ignored."""
    with github_errors("the records of past champions cannot be read"):
        return [found for d in repository.get_deployments(environment=ENVIRONMENT) if (found := _read(d)) is not None]


def settle(repository: Repository, latest: str | None) -> list[DeploymentRecord]:
    """Close the records that killed commands left unfinished.

    A record is done if it is a resume, or if Latest is the release that the command was moving to; otherwise it has failed.

    Returns:
        Every record, newest first.
    """
    found = records(repository)
    for recorded in found:
        if recorded.state == "unfinished":
            moved = recorded.record.action == "resume" or recorded.record.to == latest
            conclude(recorded.deployment, "done" if moved else "failed", "settled after an interruption")
    return records(repository) if any(r.state == "unfinished" for r in found) else found


def active_hold(entries: list[DeploymentRecord]) -> Record | None:
    """The rollback that holds automatic rollouts; None if a later resume lifted the hold."""
    newest = _last_hold_or_resume(entries)
    return newest.record if newest is not None and newest.record.action == "rollback" else None


def resume_time(entries: list[DeploymentRecord]) -> datetime | None:
    """When the newest resume lifted the hold; None if a rollback followed it."""
    newest = _last_hold_or_resume(entries)
    return newest.at if newest is not None and newest.record.action == "resume" else None


def _last_hold_or_resume(entries: list[DeploymentRecord]) -> DeploymentRecord | None:
    return next((r for r in entries if r.state == "done" and r.record.action != "rollout"), None)


def record_intent(repository: Repository, record: Record, ref: str) -> Deployment:
    """Record what is about to be done.

    The deployment is only a record: GitHub must not wait for checks, or merge the default branch into ``ref``.
    """
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
    """Record how a deployment ended."""
    status = {"done": "success", "failed": "failure", "unfinished": "in_progress"}[state]
    with github_errors("the outcome could not be recorded; run the command again to record it"):
        # `auto_inactive` would add a status to every earlier deployment of the environment.
        deployment.create_status(status, description=description[:_MAX_DESCRIPTION], auto_inactive=False)


def _read(deployment: Deployment) -> DeploymentRecord | None:
    payload: Any = deployment.payload
    # GitHub returns a payload as an object or as a JSON string.
    if isinstance(payload, str):
        payload = msgspec.json.decode(payload or "{}")
    try:
        record = msgspec.convert(payload, Record)
    except msgspec.ValidationError:
        return None
    states = {status.state for status in deployment.get_statuses()}
    state: State = "done" if "success" in states else "failed" if states & {"failure", "error"} else "unfinished"
    return DeploymentRecord(record, state, deployment.created_at, deployment)
