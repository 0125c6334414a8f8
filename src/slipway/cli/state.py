"""Verbs about the state of the world: what serves where, how that came, and what disagrees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from slipway.cli.options import json_option, open_target, print_json, settings_option
from slipway.cli.terminal import Row, print_rows

if TYPE_CHECKING:
    from slipway.commands.history import ServedRelease
    from slipway.commands.status import ActiveRelease, RealTimeStatus, ServerState, TargetStatus, UnfinishedRollout
    from slipway.rollout.registry_mirror import RegistryChampion

_DIGEST_LENGTH = 12


@click.command(epilog="Example: slipway status --json")
@settings_option
@json_option
def status(settings_file: Path, as_json: bool) -> None:
    """Say what serves where; looking changes nothing, and a command at work is no hindrance."""
    from slipway.commands.status import read_status
    from slipway.rollout.registry_mirror import read_registry_champion

    settings, target = open_target(settings_file)
    place, errors = read_status(target)
    registry = read_registry_champion(settings)
    if as_json:
        whole = {"registry": registry, "targets": [place], "held": place.held}
        print_json(msgspec.to_builtins(whole))
    else:
        print_rows(list(_status_rows(place, registry)))
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
    from slipway.commands.history import champion_at, history_rows, parse_time
    from slipway.settings.state_folder import bundles_folder

    settings, target = open_target(settings_file)
    elsewhere = [bundles_folder(settings)]
    if at is not None:
        served = champion_at(target, parse_time(at), elsewhere)
        print_json(msgspec.to_builtins(served)) if as_json else print_rows(list(_release_rows(served)))
        return
    rows = history_rows(target, elsewhere)
    if as_json:
        print_json(rows)
        return
    lines = [(r["at"], r["who"], r["action"], f"{r['from'] or 'nothing'} -> {r['to'] or 'nothing'}",
              r["outcome"] or "unfinished", _format_metric(r["metric"], r["score"]), r["reason"]) for r in rows]  # fmt: skip
    print_rows(lines, ("when", "who", "what", "move", "outcome", "holdout", "why"))


@click.command(epilog="Example: slipway doctor")
@settings_option
@json_option
def doctor(settings_file: Path, as_json: bool) -> None:
    """Find what disagrees, mend what is safe to mend, and name the one command that mends the rest.

    Interrupted rollouts are taken back, the registry is paid, damaged releases are restored from their sealed bundles,
    and leftovers are removed. The exit code is 0 when all agrees at the end.
    """
    from slipway.commands.doctor import check_and_repair, remaining_error

    settings, target = open_target(settings_file)
    findings = check_and_repair(settings, target)
    left = remaining_error(findings)
    if as_json:
        print_json(msgspec.to_builtins(findings))
    else:
        for found in findings:
            click.echo(f"{'mended' if found.mended else 'found '}  {found.what}")
            if found.command:
                click.echo(f"        {found.command}")
        if left is None:
            click.echo(f"all agree: {target.champion_sentence()}")
    if left is not None:
        raise left


def _status_rows(target_status: TargetStatus, registry: RegistryChampion) -> Iterator[Row]:
    yield "batch", *_release_cells(target_status.batch), ""
    yield "real time", *_release_cells(target_status.realtime), _real_time_note(target_status.realtime)
    owed = "" if registry.digest == target_status.batch.digest else "is owed; `slipway doctor` pays"
    yield "registry", *_release_cells(registry), registry.problem or owed
    for server in target_status.realtime.servers:
        ready = f"{server.ready} of {server.workers} workers"
        yield f"  server {server.address}", *_release_cells(server), "; ".join([ready, *server.problems])
    for intent in target_status.unfinished:
        yield "unfinished", intent.to or "nothing", "", _unfinished_note(intent)
    if target_status.held:
        yield "held", "", "", f"{target_status.held} (`slipway resume` lifts it)"
    yield "target", "", "", target_status.path


def _release_rows(served: ServedRelease) -> Iterator[Row]:
    from slipway.commands.history import primary_metric

    yield "at", served.at
    yield "served", served.release or "nothing"
    if served.release:
        until = f"until {served.until}" if served.until else "and still does"
        yield "since", f"{served.since}, {until}"
        yield "by", f"{served.who}, {served.action}: {served.reason}"
        yield "replaced", served.replaced or "nothing"
        yield "digest", served.digest
        yield "data", ", ".join(f"{name} {value}" for name, value in served.data.items()) or _RELEASE_MISSING
        yield "commit", served.commit or _RELEASE_MISSING
        yield "holdout", _format_metric(*(primary_metric(served.scores) or (None, None)))
    if served.held:
        yield "held", served.held
    if way := served.under_way:
        yield "under way", f"{way.action} to {way.to} by {way.who} since {way.since}: both releases may have answered"


_RELEASE_MISSING = "unknown: neither the release nor its record is here"


def _format_metric(name: str | None, value: float | None) -> str:
    return f"{name} {value:.3f}" if name and value is not None else "-"


def _release_cells(served: ActiveRelease | RealTimeStatus | ServerState | RegistryChampion) -> tuple[str, str]:
    return served.release or "nothing", (served.digest or "")[:_DIGEST_LENGTH]


def _real_time_note(realtime: RealTimeStatus) -> str:
    if not realtime.servers:
        return "no server runs; this is what one would serve" if realtime.release else ""
    return "" if realtime.release else "the servers do not agree"


def _unfinished_note(intent: UnfinishedRollout) -> str:
    move = f"{intent.action} by {intent.who} since {intent.at}"
    return f"{move}: {intent.by} is at work" if intent.by else f"{move}: interrupted; the next command takes it back"
