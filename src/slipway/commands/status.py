"""Read what serves batch and real time, from the target and its live servers. Reading changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from slipway.errors import SlipwayError
from slipway.target import journal
from slipway.target.journal import Entry
from slipway.target.readiness import acknowledgements, laggards, live_servers
from slipway.target.registration import Server
from slipway.target.target import Target


class ActiveRelease(msgspec.Struct, frozen=True):
    """The release that serves predictions and its bundle's digest, or nothing."""

    release: str | None
    digest: str | None


class ServerState(msgspec.Struct, frozen=True):
    """A live server: how many of its workers are ready, which release they acknowledged, and its problems."""

    address: str
    pid: int
    started: str
    workers: int
    ready: int
    release: str | None
    digest: str | None
    problems: list[str]


class RealTimeStatus(msgspec.Struct, frozen=True):
    """The release that all ready workers acknowledged, or nothing if they differ; without a server, the champion."""

    release: str | None
    digest: str | None
    servers: list[ServerState]


class UnfinishedRollout(msgspec.Struct, frozen=True, kw_only=True):
    """An intent without an outcome; ``by`` is the running command, or null if it was killed."""

    action: str
    from_: str | None = msgspec.field(name="from")
    to: str | None
    who: str
    at: str
    by: str | None


class TargetStatus(msgspec.Struct, frozen=True):
    """The status of one target."""

    name: str
    kind: str
    path: str
    batch: ActiveRelease
    realtime: RealTimeStatus
    unfinished: list[UnfinishedRollout]
    held: str | None
    problems: list[str]


NO_RELEASE = ActiveRelease(None, None)
_Value = TypeVar("_Value")


def read_status(target: Target) -> tuple[TargetStatus, list[SlipwayError]]:
    """Return the status of a target, even while a command is running on it, and the errors that left parts unread."""
    errors: list[SlipwayError] = []
    champion = _read_or_note(errors, target.champion)
    entries = _read_or_note(errors, target.entries) or []
    batch = ActiveRelease(champion.release.version, champion.digest) if champion else NO_RELEASE
    held = journal.active_hold(entries)
    target_status = TargetStatus(
        name="local",
        kind="directory",
        path=str(target),
        batch=batch,
        realtime=_real_time_status(target, batch),
        unfinished=_unfinished_rollouts(target, entries),
        held=held.reason if held else None,
        problems=[str(error) for error in errors],
    )
    return target_status, errors


def _read_or_note(errors: list[SlipwayError], read: Callable[[], _Value]) -> _Value | None:
    try:
        return read()
    except SlipwayError as error:
        errors.append(error)
        return None


def _unfinished_rollouts(target: Target, entries: list[Entry]) -> list[UnfinishedRollout]:
    intents = journal.open_intents(entries)
    by = target.holder() if intents else None
    if intents and by is None:
        # A rollout that ended between the two reads was not killed.
        still = {entry.id for entry in journal.open_intents(_read_or_note([], target.entries) or [])}
        intents = [intent for intent in intents if intent.id in still]
    return [UnfinishedRollout(action=i.action, from_=i.from_, to=i.to, who=i.who, at=i.at, by=by) for i in intents]


def _real_time_status(target: Target, batch: ActiveRelease) -> RealTimeStatus:
    servers = [_server_state(target, server, batch) for server in live_servers(target.path)]
    if not servers:
        return RealTimeStatus(batch.release, batch.digest, [])
    served = _common_release(ActiveRelease(server.release, server.digest) for server in servers if server.ready)
    return RealTimeStatus(served.release, served.digest, servers)


def _server_state(target: Target, server: Server, batch: ActiveRelease) -> ServerState:
    ready = acknowledgements(target.path, server)
    served = _common_release(ActiveRelease(worker.release, worker.digest) for worker in ready)
    lagging = list(laggards(target.path, server, batch.digest)) if batch.digest else []
    refused = [f"worker {w.pid} of {server} could not load {w.wanted}: {w.error}" for w in ready if w.error]
    orphaned = (
        [f"{server} serves {served.release}, but the target has no champion"] if not batch.digest and ready else []
    )
    return ServerState(
        address=f"{server.host}:{server.port}",
        pid=server.pid,
        started=server.started,
        workers=server.workers,
        ready=len(ready),
        release=served.release,
        digest=served.digest,
        problems=[*lagging, *refused, *orphaned],
    )


def _common_release(releases: Iterator[ActiveRelease]) -> ActiveRelease:
    distinct = set(releases)
    return distinct.pop() if len(distinct) == 1 else NO_RELEASE
