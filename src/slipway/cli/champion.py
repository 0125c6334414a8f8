"""Verbs about the champion: make one, go back, go on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from slipway.cli.options import answer, json_option, on_github, open_target, run_options, say, settings_option, tell
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
    done = shipped(settings, overrides=overrides, cache=not no_cache, env_manager=env_manager, say=say)
    if as_json:
        answer(results.of_ship(done))
    elif done.candidate:
        click.echo("\n".join(results.scores(done.candidate)))
    if done.verdict and done.verdict.verdict == "refuse":
        raise GateRefused(done.said)
    if not as_json:
        target = target_of(settings)
        click.echo("\n".join(["", *results.champion(done, target), "", *results.calls(target, settings_file)]))
    if done.problem:
        raise done.problem


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
    from slipway.target.journal import whoami

    settings, target = open_target(settings_file)
    held = target.held()
    entry = roll_back(target, to=to, reason=reason, who=whoami())
    again = held is not None and held.id == entry.id
    owed = _mirrored(settings, target)
    tell(told(entry) | {"again": again, "owed": str(owed) if owed else None}, _went_back(entry, again), as_json)
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
    from slipway.target.journal import whoami

    if github:
        on_github(lambda on: resumed_there(on, who=whoami(), reason=reason, say=say))
        return
    _, target = open_target(settings_file)
    entry = resumed(target, reason=reason, who=whoami())
    tell(told(entry), f"automatic rollouts go on from {entry.to or 'nothing'}", as_json)


def told(entry: Entry) -> dict[str, str | None]:
    """A journal entry as `history --json` tells it."""
    from slipway.target.journal import history

    return history([entry])[0]


def _went_back(entry: Entry, again: bool) -> str:
    if again:
        since = f"since {entry.who} rolled back from {entry.from_} at {entry.at}"
        return f"{entry.to} serves {since}, and was proved again; to go further back, name a release with --to"
    return f"{entry.to} serves again instead of {entry.from_}; rollouts are held until `slipway resume`"


def _mirrored(settings: Settings, target: Target) -> SlipwayError | None:
    from slipway.rollout.registry_mirror import mirror

    try:
        mirror(settings, target)
    except SlipwayError as error:
        return error
    return None
