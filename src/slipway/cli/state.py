"""Verbs about the state of the world: what serves where, how that came, and what disagrees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from slipway.cli.options import answer, json_option, open_target, settings_option
from slipway.cli.terminal import Row, show

if TYPE_CHECKING:
    from slipway.commands.history import Served
    from slipway.commands.status import Answering, Place, RealTime, ServerState, Unfinished
    from slipway.rollout.registry_mirror import Registered

_SHORT = 12


@click.command(epilog="Example: slipway status --json")
@settings_option
@json_option
def status(settings_file: Path, as_json: bool) -> None:
    """Say what serves where; looking changes nothing, and a command at work is no hindrance."""
    from slipway.commands.status import look
    from slipway.rollout.registry_mirror import registered

    settings, target = open_target(settings_file)
    place, errors = look(target)
    registry = registered(settings)
    if as_json:
        whole = {"registry": registry, "targets": [place], "held": place.held}
        answer(msgspec.to_builtins(whole))
    else:
        show(list(_status_rows(place, registry)))
    if errors:
        raise errors[0]


@click.command(epilog="Example: slipway history --at 2026-11-22T10:00")
@settings_option
@click.option(
    "--at",
    metavar="TIME",
    help="What served then, since when, by whom, why and on which data; without a zone it is UTC.",
)
@json_option
def history(settings_file: Path, at: str | None, as_json: bool) -> None:
    """Say what was champion when, who made it so and why, with the holdout metric of each release."""
    from slipway.commands.history import moment, served_at, told
    from slipway.settings.state_folder import bundles

    settings, target = open_target(settings_file)
    elsewhere = [bundles(settings)]
    if at is not None:
        served = served_at(target, moment(at), elsewhere)
        answer(msgspec.to_builtins(served)) if as_json else show(list(_served_rows(served)))
        return
    rows = told(target, elsewhere)
    if as_json:
        answer(rows)
        return
    lines = [(r["at"], r["who"], r["action"], f"{r['from'] or 'nothing'} -> {r['to'] or 'nothing'}",
              r["outcome"] or "unfinished", _metric(r["metric"], r["score"]), r["reason"]) for r in rows]  # fmt: skip
    show(lines, ("when", "who", "what", "move", "outcome", "holdout", "why"))


@click.command(epilog="Example: slipway doctor")
@settings_option
@json_option
def doctor(settings_file: Path, as_json: bool) -> None:
    """Find what disagrees, mend what is safe to mend, and name the one command that mends the rest.

    Interrupted rollouts are taken back, the registry is paid, damaged releases are restored from their sealed bundles,
    and leftovers are removed. The exit code is 0 when all agrees at the end.
    """
    from slipway.commands.doctor import examine, problem

    settings, target = open_target(settings_file)
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
    owed = "" if registry.digest == place.batch.digest else "is owed; `slipway doctor` pays"
    yield "registry", *_cells(registry), registry.problem or owed
    for server in place.realtime.servers:
        ready = f"{server.ready} of {server.workers} workers"
        yield f"  server {server.address}", *_cells(server), "; ".join([ready, *server.problems])
    for intent in place.unfinished:
        yield "unfinished", intent.to or "nothing", "", _unfinished_note(intent)
    if place.held:
        yield "held", "", "", f"{place.held} (`slipway resume` lifts it)"
    yield "target", "", "", place.path


def _served_rows(served: Served) -> Iterator[Row]:
    from slipway.commands.history import metric_of_scores

    yield "at", served.at
    yield "served", served.release or "nothing"
    if served.release:
        until = f"until {served.until}" if served.until else "and still does"
        yield "since", f"{served.since}, {until}"
        yield "by", f"{served.who}, {served.action}: {served.reason}"
        yield "replaced", served.replaced or "nothing"
        yield "digest", served.digest
        yield "data", ", ".join(f"{name} {value}" for name, value in served.data.items()) or _GONE
        yield "commit", served.commit or _GONE
        yield "holdout", _metric(*(metric_of_scores(served.scores) or (None, None)))
    if served.held:
        yield "held", served.held
    if way := served.under_way:
        yield "under way", f"{way.action} to {way.to} by {way.who} since {way.since}: both releases may have answered"


_GONE = "unknown: neither the release nor its record is here"


def _metric(name: str | None, value: float | None) -> str:
    return f"{name} {value:.3f}" if name and value is not None else "-"


def _cells(answering: Answering | RealTime | ServerState | Registered) -> tuple[str, str]:
    return answering.release or "nothing", (answering.digest or "")[:_SHORT]


def _real_time_note(realtime: RealTime) -> str:
    if not realtime.servers:
        return "no server runs; this is what one would serve" if realtime.release else ""
    return "" if realtime.release else "the servers do not agree"


def _unfinished_note(intent: Unfinished) -> str:
    move = f"{intent.action} by {intent.who} since {intent.at}"
    return f"{move}: {intent.by} is at work" if intent.by else f"{move}: interrupted; the next command takes it back"
