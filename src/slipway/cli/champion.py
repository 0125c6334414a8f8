"""Verbs about the champion: make one, go back, go on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.cli.options import (
    json_option,
    open_target,
    print_json,
    print_result,
    retry_on_github,
    run_options,
    settings_option,
    stderr_progress,
)
from slipway.errors import GateRefused, SlipwayError

if TYPE_CHECKING:
    from slipway.settings.settings import Settings
    from slipway.target.journal import Entry
    from slipway.target.target import Target

reason_option = click.option("--reason", required=True, help="Why, for the journal.")


@click.command(epilog="Example: slipway ship --json")
@run_options
def ship(settings_file: Path, overrides: tuple[str, ...], no_cache: bool, env_manager: str, as_json: bool) -> None:
    """Train, gate, seal, roll out to batch and real time, prove and register."""
    from slipway.cli import results
    from slipway.commands.ship import ship as shipped
    from slipway.settings.settings import load_settings
    from slipway.target.target import target_of

    settings = load_settings(settings_file, overrides)
    done = shipped(settings, overrides=overrides, cache=not no_cache, env_manager=env_manager, progress=stderr_progress)
    if as_json:
        print_json(results.ship_as_json(done))
    elif done.candidate:
        click.echo("\n".join(results.score_lines(done.candidate)))
    if done.verdict and done.verdict.verdict == "refuse":
        raise GateRefused(done.verdict_text)
    if not as_json:
        target = target_of(settings)
        click.echo(
            "\n".join(["", *results.champion_lines(done, target), "", *results.usage_lines(target, settings_file)])
        )
    if done.registry_error:
        raise done.registry_error


@click.command(epilog='Example: slipway rollback --reason "scores drifted"')
@settings_option
@click.option("--to", metavar="X.Y.Z", help="The release to go back to; the previous good one by default.")
@reason_option
@json_option
def rollback(settings_file: Path, to: str | None, reason: str, as_json: bool) -> None:
    """Go back to the exact earlier bytes everywhere, mark the release bad and hold automatic rollouts.

    Said again while the hold lasts, it goes no further back; --to names a release that is further back.
    """
    from slipway.rollout.rollout import roll_back
    from slipway.target.journal import current_actor

    settings, target = open_target(settings_file)
    held = target.active_hold()
    entry = roll_back(target, to=to, reason=reason, who=current_actor())
    again = held is not None and held.id == entry.id
    owed = _sync_registry(settings, target)
    print_result(
        history_row(entry) | {"again": again, "owed": str(owed) if owed else None},
        _describe_rollback(entry, again),
        as_json,
    )
    if owed:
        raise owed


@click.command(epilog='Example: slipway resume --reason "fixed in 1.4.1"')
@settings_option
@reason_option
@click.option("--github", is_flag=True, help="Lift the hold on promotions there, which hosts that follow it then lift.")
@json_option
def resume(settings_file: Path, reason: str, github: bool, as_json: bool) -> None:
    """Lift the hold on automatic rollouts."""
    from slipway.github.promote import resume as resumed_there
    from slipway.rollout.rollout import resume as resumed
    from slipway.target.journal import current_actor

    if github:
        retry_on_github(lambda on: resumed_there(on, who=current_actor(), reason=reason, say=stderr_progress))
        return
    _, target = open_target(settings_file)
    entry = resumed(target, reason=reason, who=current_actor())
    print_result(history_row(entry), f"automatic rollouts go on from {entry.to or 'nothing'}", as_json)


def history_row(entry: Entry) -> dict[str, str | None]:
    """A journal entry as `history --json` tells it."""
    from slipway.target.journal import history

    return history([entry])[0]


def _describe_rollback(entry: Entry, repeated: bool) -> str:
    if repeated:
        since = f"since {entry.who} rolled back from {entry.from_} at {entry.at}"
        return f"{entry.to} serves {since}, and was proved again; to go further back, name a release with --to"
    return f"{entry.to} serves again instead of {entry.from_}; rollouts are held until `slipway resume`"


def _sync_registry(settings: Settings, target: Target) -> SlipwayError | None:
    from slipway.rollout.registry_mirror import sync_registry

    try:
        sync_registry(settings, target)
    except SlipwayError as error:
        return error
    return None
