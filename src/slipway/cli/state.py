"""Verbs that report what serves where, the release history, and inconsistencies; and what `--version` prints."""

from __future__ import annotations

import os
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from slipway.cli.options import json_option, open_target, print_json, settings_option, stderr_progress
from slipway.cli.terminal import Row, print_rows
from slipway.errors import SlipwayError

if TYPE_CHECKING:
    from slipway.commands.history.champion_at import ServedRelease
    from slipway.commands.history.releases import ReleaseSummary
    from slipway.commands.status import ActiveRelease, RealTimeStatus, ServerState, TargetStatus, UnfinishedRollout
    from slipway.rollout.registry_mirror import RegistryChampion

_DIGEST_LENGTH = 12
_SECONDS = slice(0, len("2026-11-22T10:00:00"))
_MIN_REASON_WIDTH = 20
DEFAULT_TARGET = ".slipway/target"


def version_text() -> str:
    """Return the installed version and, inside a project with a champion, the champion's version."""
    from slipway.__about__ import installed_version

    champion = _champion_in_this_folder()
    return f"slipway, version {installed_version()}" + (f"\nchampion {champion}" if champion else "")


def _champion_in_this_folder() -> str:
    from slipway.bundle.release_file import version_in_name
    from slipway.target.target import PATH_VARIABLE, Target

    # The settings model would take a quarter of a second to import, and the serving image does not have it. A broken
    # settings file or target must not keep anyone from seeing the installed version.
    try:
        file = Path("slipway.toml")
        settings = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        path = os.environ.get(PATH_VARIABLE) or settings.get("target", {}).get("path", DEFAULT_TARGET)
        folder = Target(Path(path)).champion_folder()
    except (OSError, ValueError, AttributeError, TypeError, SlipwayError):
        return ""
    return f"{version_in_name(folder)} in {path}" if folder else ""


@click.command()
@settings_option
@json_option
def status(settings_file: Path, as_json: bool) -> None:
    """Show which release is live for batch and real time.

    Nothing is changed, and a running command is not disturbed.

    \b
    Examples:
      slipway status
      slipway status --json
    """
    from slipway.commands.reproduce.result import read_results
    from slipway.commands.status import read_status
    from slipway.rollout.registry_mirror import read_registry_champion

    with stderr_progress.heartbeat("status"):
        settings, target = open_target(settings_file)
        target_status, errors = read_status(target)
        registry, rebuilt = read_registry_champion(settings), read_results(settings.root)
    if as_json:
        result = {
            "registry": registry,
            "targets": [target_status],
            "held": target_status.held,
            "reproductions": rebuilt,
        }
        print_json(msgspec.to_builtins(result))
    else:
        rows = [("rebuilt", each.release, f"{each.at:%Y-%m-%d}", each.sentence) for each in rebuilt]
        print_rows([*_status_rows(target_status, registry), *rows])
    if errors:
        raise errors[0]


@click.command()
@settings_option
@click.option("--at", metavar="TIME", help="Show what served at this time, in full; UTC unless it has a zone.")
@json_option
def history(settings_file: Path, at: str | None, as_json: bool) -> None:
    """List the releases with time, score, author and reason.

    The newest comes first. Releases that the gate refused are listed if that happened in this checkout. With --json,
    each command of the journal is one entry, the oldest first.

    \b
    Examples:
      slipway history
      slipway history --at 2026-11-22T10:00
    """
    from slipway.commands.history.champion_at import champion_at, parse_time
    from slipway.commands.history.refusals import read_refusals
    from slipway.commands.history.releases import release_summaries
    from slipway.commands.history.rows import history_rows
    from slipway.settings.state_folder import bundles_folder

    settings, target = open_target(settings_file)
    bundle_folders = [bundles_folder(settings)]
    if at is not None:
        served = champion_at(target, parse_time(at), bundle_folders)
        print_json(msgspec.to_builtins(served)) if as_json else print_rows(list(_release_rows(served)))
        return
    refusals = read_refusals(settings)
    if as_json:
        print_json(history_rows(target, bundle_folders, refusals))
        return
    rows = [_history_cells(summary) for summary in release_summaries(target, bundle_folders, refusals)]
    if not rows:
        click.echo("no releases yet; `slipway ship` creates the first one")
        return
    print_rows(_fit_reasons(rows), _HISTORY_HEADER)


@click.command()
@settings_option
@json_option
def doctor(settings_file: Path, as_json: bool) -> None:
    """Find inconsistencies, fix the safe ones and explain the rest.

    Interrupted rollouts are rolled back, the registry is updated, damaged releases are restored from their sealed
    bundles, and leftover files are removed. For anything else, the one command to run is printed. The exit code is 0
    if no problem remains.

    \b
    Examples:
      slipway doctor
      slipway doctor --json
    """
    from slipway.commands.doctor import check_and_repair, remaining_error

    with stderr_progress.heartbeat("doctor"):
        settings, target = open_target(settings_file)
        issues = check_and_repair(settings, target)
    left = remaining_error(issues)
    if as_json:
        print_json(msgspec.to_builtins(issues))
    else:
        for issue in issues:
            click.echo(f"{'fixed' if issue.repaired else 'found'}  {issue.what}")
            if issue.command:
                click.echo(f"       {issue.command}")
        if left is None:
            remaining = "problems left" if issues else "problems found"
            click.echo(f"no {remaining}; {target.champion_sentence()}")
    if left is not None:
        raise left


def _status_rows(target_status: TargetStatus, registry: RegistryChampion) -> Iterator[Row]:
    yield "batch", *_release_cells(target_status.batch), ""
    yield "real time", *_release_cells(target_status.realtime), _real_time_note(target_status.realtime)
    outdated = "" if registry.digest == target_status.batch.digest else "out of date; run `slipway doctor`"
    yield "registry", *_release_cells(registry), registry.problem or outdated
    for server in target_status.realtime.servers:
        ready = f"{server.ready} of {server.workers} workers"
        yield f"  server {server.address}", *_release_cells(server), "; ".join([ready, *server.problems])
    for intent in target_status.unfinished:
        yield "unfinished", intent.to or "nothing", "", _unfinished_note(intent)
    if target_status.held:
        yield "held", "", "", f'{target_status.held} (`slipway resume --reason "..."` lifts the hold)'
    yield "target", "", "", target_status.path


_HISTORY_HEADER = ("release", "from (UTC)", "until", "score", "status", "who", "reason")


def _history_cells(summary: ReleaseSummary) -> tuple[str, ...]:
    served = summary.status in ("live", "replaced", "rolled back")
    until = _short_time(summary.until) if summary.until else "now" if served else "never served"
    score = _format_metric(summary.metric, summary.score)
    return summary.release, _short_time(summary.since), until, score, summary.status, summary.who, summary.reason


def _short_time(time: str) -> str:
    return time[_SECONDS].replace("T", " ")


def _fit_reasons(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Shorten the reasons so that each row fits the terminal; in a pipe they stay complete."""
    if not sys.stdout.isatty():
        return rows
    columns = zip(_HISTORY_HEADER[:-1], *(row[:-1] for row in rows), strict=True)
    taken = sum(max(map(len, column)) + 2 for column in columns)
    width = max(shutil.get_terminal_size().columns - taken, _MIN_REASON_WIDTH)
    return [(*row[:-1], row[-1] if len(row[-1]) <= width else f"{row[-1][: width - 3]}...") for row in rows]


def _release_rows(served: ServedRelease) -> Iterator[Row]:
    from slipway.commands.history.moves import primary_metric

    yield "at", served.at
    yield "served", served.release or "nothing"
    if served.release:
        until = f"until {served.until}" if served.until else "still live"
        yield "since", f"{served.since}, {until}"
        yield "by", f"{served.who}, {served.action}: {served.reason}"
        yield "replaced", served.replaced or "nothing"
        yield "digest", served.digest
        yield "data", ", ".join(f"{name} {value}" for name, value in served.data.items()) or _RELEASE_MISSING
        yield "commit", served.commit or _RELEASE_MISSING
        yield "holdout", _format_metric(*(primary_metric(served.scores) or (None, None)))
    if served.held:
        yield "held", served.held
    if move := served.under_way:
        progress = f"{move.action} to {move.to} by {move.who} since {move.since}"
        yield "under way", f"{progress}: either release may have served predictions"


_RELEASE_MISSING = "unknown: the release and its record are missing"


def _format_metric(name: str | None, value: float | None) -> str:
    return f"{name} {value:.3f}" if name and value is not None else "-"


def _release_cells(served: ActiveRelease | RealTimeStatus | ServerState | RegistryChampion) -> tuple[str, str]:
    return served.release or "nothing", (served.digest or "")[:_DIGEST_LENGTH]


def _real_time_note(realtime: RealTimeStatus) -> str:
    if not realtime.servers:
        return "no server running; `slipway serve` would serve this release" if realtime.release else ""
    return "" if realtime.release else "the servers serve different releases"


def _unfinished_note(intent: UnfinishedRollout) -> str:
    move = f"{intent.action} by {intent.who} since {intent.at}"
    return f"{move}: {intent.by} is running" if intent.by else f"{move}: interrupted; the next command rolls it back"
