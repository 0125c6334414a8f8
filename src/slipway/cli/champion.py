"""Commands that change the champion: ship, rollback and resume."""

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

reason_option = click.option("--reason", required=True, help="The reason, for the journal.")


@click.command()
@run_options
def ship(settings_file: Path, overrides: tuple[str, ...], no_cache: bool, env_manager: str, as_json: bool) -> None:
    """Train a model and, if it passes the gate, put it live.

    Runs the pipeline, checks the candidate against the gate, seals it, rolls it out to batch and real time, verifies it
    with real predictions, and updates the MLflow registry. If any step fails, the champion is unchanged.

    \b
    Examples:
      slipway ship
      slipway ship --json
    """
    from slipway.cli import results
    from slipway.commands.ship import ship as run_ship
    from slipway.settings.settings import load_settings
    from slipway.target.target import target_of

    settings = load_settings(settings_file, overrides)
    done = run_ship(
        settings, overrides=overrides, cache=not no_cache, env_manager=env_manager, progress=stderr_progress
    )
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


@click.command()
@settings_option
@click.option("--to", metavar="X.Y.Z", help="The release to go back to; by default the previous good one.")
@reason_option
@json_option
def rollback(settings_file: Path, to: str | None, reason: str, as_json: bool) -> None:
    """Go back to an earlier release everywhere.

    Batch and real time get the exact bytes of that release again. The current release is marked as rolled back, and
    automatic rollouts are held until `slipway resume`.

    Repeating it during the hold does nothing more; use --to to go back further.

    \b
    Examples:
      slipway rollback --reason "scores drifted"
      slipway rollback --to 1.3.2 --reason "scores drifted"
    """
    from slipway.rollout.rollout import roll_back
    from slipway.target.journal import current_actor

    settings, target = open_target(settings_file)
    held = target.active_hold()
    entry = roll_back(target, to=to, reason=reason, who=current_actor())
    again = held is not None and held.id == entry.id
    registry_error = _sync_registry(settings, target)
    print_result(
        history_row(entry) | {"again": again, "owed": str(registry_error) if registry_error else None},
        _describe_rollback(entry, again),
        as_json,
    )
    if registry_error:
        raise registry_error


@click.command()
@settings_option
@reason_option
@click.option(
    "--github", is_flag=True, help="Lift the hold on GitHub; hosts that follow the repository lift theirs too."
)
@json_option
def resume(settings_file: Path, reason: str, github: bool, as_json: bool) -> None:
    """Resume automatic rollouts after a rollback.

    \b
    Examples:
      slipway resume --reason "fixed in 1.4.1"
      slipway resume --github --reason "fixed in 1.4.1"
    """
    from slipway.target.journal import current_actor

    if github:
        from slipway.github.promote import resume as resume_on_github

        changed = retry_on_github(
            lambda on: resume_on_github(on, who=current_actor(), reason=reason, say=stderr_progress)
        )
        if as_json:
            print_json({"changed": changed})
        return
    from slipway.rollout.rollout import resume as resume_rollouts

    _, target = open_target(settings_file)
    entry = resume_rollouts(target, reason=reason, who=current_actor())
    live = f"{entry.to} is live" if entry.to else "there is no champion yet"
    print_result(history_row(entry), f"automatic rollouts resumed; {live}", as_json)


def history_row(entry: Entry) -> dict[str, str | None]:
    """A journal entry as a row of `history --json`."""
    from slipway.target.journal import history

    return history([entry])[0]


def _describe_rollback(entry: Entry, repeated: bool) -> str:
    if repeated:
        cause = f"{entry.who} rolled back from {entry.from_} at {entry.at}"
        return f"{entry.to} is already live ({cause}) and was verified again; use --to to go back further"
    return (
        f"{entry.to} is live again instead of {entry.from_}; automatic rollouts are held until "
        '`slipway resume --reason "..."`'
    )


def _sync_registry(settings: Settings, target: Target) -> SlipwayError | None:
    from slipway.rollout.registry_mirror import sync_registry

    try:
        sync_registry(settings, target)
    except SlipwayError as error:
        return error
    return None
