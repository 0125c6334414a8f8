"""Who made which release champion, when and why: GitHub deployments in an environment of our own, ``champion``.

Each is written before Latest moves and concluded after, as the target's journal is; an unfinished one is settled by
looking at where Latest stands.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from slipway.github.client import told_plainly

if TYPE_CHECKING:
    from github.Deployment import Deployment
    from github.Repository import Repository

ENVIRONMENT = "champion"
Action = Literal["rollout", "rollback", "resume"]
State = Literal["unfinished", "done", "failed"]
_LONGEST = 140


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of one deployment; ``from_`` and ``to`` are tags, ``digest`` is that of the packed bundle."""

    action: Action
    from_: str | None = msgspec.field(name="from")
    to: str | None
    digest: str | None
    reason: str
    who: str


class Recorded(NamedTuple):
    """A record as it stands on GitHub."""

    record: Record
    state: State
    at: datetime
    deployment: Deployment


def records(repository: Repository) -> list[Recorded]:
    """Every record, the newest first."""
    with told_plainly("the records of past champions cannot be read"):
        return [found for d in repository.get_deployments(environment=ENVIRONMENT) if (found := _read(d)) is not None]


def settle(repository: Repository, latest: str | None) -> list[Recorded]:
    """Conclude what a killed command left: done where Latest is where it wanted it, else failed; returns them all."""
    found = records(repository)
    for recorded in found:
        if recorded.state == "unfinished":
            moved = recorded.record.action == "resume" or recorded.record.to == latest
            conclude(recorded.deployment, "done" if moved else "failed", "settled after an interruption")
    return records(repository) if any(r.state == "unfinished" for r in found) else found


def hold(found: list[Recorded]) -> Record | None:
    """The rollback that holds automatic rollouts, unless a resume came after it."""
    newest = _decisive(found)
    return newest.record if newest is not None and newest.record.action == "rollback" else None


def lifted_at(found: list[Recorded]) -> datetime | None:
    """When the newest resume lifted the hold, unless a rollback came after it."""
    newest = _decisive(found)
    return newest.at if newest is not None and newest.record.action == "resume" else None


def _decisive(found: list[Recorded]) -> Recorded | None:
    return next((r for r in found if r.state == "done" and r.record.action != "rollout"), None)


def begin(repository: Repository, record: Record, ref: str) -> Deployment:
    """Write down what is about to be done. No checks are waited for and nothing is merged: it is a record only."""
    with told_plainly(f"the {record.action} could not be recorded, so nothing was changed"):
        return repository.create_deployment(
            ref,
            task="deploy",
            auto_merge=False,
            required_contexts=[],
            payload=msgspec.to_builtins(record),
            environment=ENVIRONMENT,
            description=f"{record.action}: {record.reason}"[:_LONGEST],
            production_environment=False,
        )


def conclude(deployment: Deployment, state: State, description: str = "") -> None:
    """Write how it ended."""
    told = {"done": "success", "failed": "failure", "unfinished": "in_progress"}[state]
    with told_plainly("how it ended could not be recorded; running this again does it"):
        deployment.create_status(told, description=description[:_LONGEST], auto_inactive=False)


def _read(deployment: Deployment) -> Recorded | None:
    payload: Any = deployment.payload
    if isinstance(payload, str):
        payload = msgspec.json.decode(payload or "{}")
    try:
        record = msgspec.convert(payload, Record)
    except msgspec.ValidationError:
        return None
    states = {status.state for status in deployment.get_statuses()}
    state: State = "done" if "success" in states else "failed" if states & {"failure", "error"} else "unfinished"
    return Recorded(record, state, deployment.created_at, deployment)
