"""Verbs about the state of the world: what serves where, how that came, and what disagrees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from deploy.cli.lines import Row, show
from deploy.cli.options import answer, json_option, settings_option

if TYPE_CHECKING:
    from deploy.registry import Registered
    from deploy.status import Answering, Place, RealTime, ServerState, Unfinished

_SHORT = 12


@click.command(epilog="Example: slipway status --json")
@settings_option
@json_option
def status(settings_file: Path, as_json: bool) -> None:
    """Say what serves where; looking changes nothing, and a command at work is no hindrance."""
    from deploy.registry import registered
    from deploy.status import look
    from deploy.target import target_of
    from pipeline.settings import load_settings

    settings = load_settings(settings_file)
    place, errors = look(target_of(settings))
    registry = registered(settings)
    if as_json:
        whole = {"registry": registry, "targets": [place], "held": place.held}
        answer(msgspec.to_builtins(whole))
    else:
        show(list(_status_rows(place, registry)))
    if errors:
        raise errors[0]


@click.command(epilog="Example: slipway history --json")
@settings_option
@json_option
def history(settings_file: Path, as_json: bool) -> None:
    """Say what was champion when, who made it so and why."""
    from deploy.journal import history as told
    from deploy.target import target_of
    from pipeline.settings import load_settings

    rows = told(target_of(load_settings(settings_file)).entries())
    if as_json:
        answer(rows)
        return
    lines = [(r["at"], r["who"], r["action"], f"{r['from'] or 'nothing'} -> {r['to'] or 'nothing'}",
              r["outcome"] or "unfinished", r["reason"]) for r in rows]  # fmt: skip
    show(lines, ("when", "who", "what", "move", "outcome", "why"))


@click.command(epilog="Example: slipway doctor")
@settings_option
@json_option
def doctor(settings_file: Path, as_json: bool) -> None:
    """Find what disagrees, mend what is safe to mend, and name the one command that mends the rest.

    Interrupted rollouts are taken back, the registry is paid, damaged releases are restored from their sealed bundles,
    and leftovers are removed. The exit code is 0 when all agrees at the end.
    """
    from deploy.doctor import examine, problem
    from deploy.target import target_of
    from pipeline.settings import load_settings

    settings = load_settings(settings_file)
    target = target_of(settings)
    findings = examine(settings, target)
    left = problem(findings)
    if as_json:
        answer(msgspec.to_builtins(findings))
    else:
        for found in findings:
            click.echo(f"{'mended' if found.mended else 'found '}  {found.what}")
            if found.command:
                click.echo(f"        {found.command}")
        if left is None:
            click.echo(f"all agree: {target.champion_sentence()}")
    if left is not None:
        raise left


def _status_rows(place: Place, registry: Registered) -> Iterator[Row]:
    yield "batch", *_cells(place.batch), ""
    yield "real time", *_cells(place.realtime), _real_time_note(place.realtime)
    yield "registry", *_cells(registry), registry.problem or _registry_note(place.batch, registry)
    for server in place.realtime.servers:
        ready = f"{server.ready} of {server.workers} workers"
        yield f"  server {server.address}", *_cells(server), "; ".join([ready, *server.problems])
    for intent in place.unfinished:
        yield "unfinished", intent.to or "nothing", "", _unfinished_note(intent)
    if place.held:
        yield "held", "", "", f"{place.held} (`slipway resume` lifts it)"
    yield "target", "", "", place.path


def _cells(answering: Answering | RealTime | ServerState | Registered) -> tuple[str, str]:
    return answering.release or "nothing", (answering.digest or "")[:_SHORT]


def _real_time_note(realtime: RealTime) -> str:
    if not realtime.servers:
        return "no server runs; this is what one would serve" if realtime.release else ""
    return "" if realtime.release else "the servers do not agree"


def _registry_note(champion: Answering, registry: Registered) -> str:
    return "" if registry.digest == champion.digest else "is owed; `slipway doctor` pays"


def _unfinished_note(intent: Unfinished) -> str:
    move = f"{intent.action} by {intent.who} since {intent.at}"
    return f"{move}: {intent.by} is at work" if intent.by else f"{move}: interrupted; the next command takes it back"
