"""Verbs about the champion: make one, go back, and say what serves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from deploy.cli.options import answer, json_option, say, settings_option
from pipeline.errors import GateRefused

reason_option = click.option("--reason", required=True, help="Why, for the journal.")


@click.command(epilog="Example: slipway ship --json")
@settings_option
@click.option("--set", "overrides", multiple=True, metavar="NAME=VALUE", help="Change one setting for this run.")
@click.option("--no-cache", is_flag=True, help="Run every component, whatever the cache holds.")
@click.option("--env-manager", type=click.Choice(["local", "uv", "virtualenv"]), default="local", show_default=True)
@json_option
def ship(settings_file: Path, overrides: tuple[str, ...], no_cache: bool, env_manager: str, as_json: bool) -> None:
    """Train, gate, seal, roll out to batch and real time, prove and register."""
    from deploy.ship import ship as shipped
    from deploy.verdict import prose
    from pipeline.settings import load_settings

    settings = load_settings(settings_file, overrides)
    done = shipped(settings, overrides=overrides, cache=not no_cache, env_manager=env_manager, say=say)
    verdict = done.verdict
    if as_json:
        rules = [msgspec.to_builtins(rule) for rule in verdict.rules] if verdict else []
        word = verdict.verdict if verdict else "publish"
        answer({"release": done.release, "verdict": word, "rules": rules, "champion": done.champion})
    if verdict and verdict.verdict == "refuse":
        raise GateRefused(prose(verdict, done.release, done.champion).removeprefix("gate refused "))
    if not as_json:
        click.echo(f"champion {done.champion}\n\ntry it:\n  slipway predict\n  slipway serve\n  slipway batch IN OUT")
    if done.problem:
        raise done.problem


@click.command(epilog='Example: slipway rollback --reason "scores drifted"')
@settings_option
@click.option("--to", metavar="X.Y.Z", help="The release to go back to; the previous good one by default.")
@reason_option
def rollback(settings_file: Path, to: str | None, reason: str) -> None:
    """Go back to the exact earlier bytes everywhere, mark the release bad and hold automatic rollouts."""
    from deploy.registry import mirror
    from deploy.rollout import roll_back
    from deploy.ship import target_of, whoami
    from pipeline.settings import load_settings

    settings = load_settings(settings_file)
    target = target_of(settings)
    entry = roll_back(target, to=to, reason=reason, who=whoami())
    click.echo(f"{entry.to} serves again instead of {entry.from_}; rollouts are held until `slipway resume`")
    if champion := target.champion():
        mirror(settings, champion)


@click.command(epilog='Example: slipway resume --reason "fixed in 1.4.1"')
@settings_option
@reason_option
@click.option("--github", is_flag=True, help="Lift the hold on promotions there, which hosts that follow it then lift.")
def resume(settings_file: Path, reason: str, github: bool) -> None:
    """Lift the hold on automatic rollouts."""
    from deploy.github.api import connect, patiently
    from deploy.github.promote import resume as resumed_there
    from deploy.rollout import resume as resumed
    from deploy.ship import target_of, whoami
    from pipeline.settings import load_settings

    if github:
        on = connect()
        patiently(lambda: resumed_there(on, who=whoami(), reason=reason, say=say), say)
        return
    resumed(target_of(load_settings(settings_file)), reason=reason, who=whoami())
    click.echo("automatic rollouts go on")


@click.command(epilog="Example: slipway status --json")
@settings_option
@json_option
def status(settings_file: Path, as_json: bool) -> None:
    """Say what serves where."""
    told = _status(settings_file)
    if as_json:
        answer(told)
        return
    place = told["targets"][0]
    click.echo(
        f"batch      {place['batch']['release'] or 'nothing'}\nreal time  {place['realtime']['release'] or 'nothing'}"
    )
    click.echo(f"registry   {told['registry']['release'] or 'nothing'}\ntarget     {place['path']}")
    if told["held"]:
        click.echo(f"held       {told['held']} (`slipway resume` lifts it)")


@click.command(epilog="Example: slipway history --json")
@settings_option
@json_option
def history(settings_file: Path, as_json: bool) -> None:
    """Say what was champion when, who made it so and why."""
    from deploy.journal import history as told
    from deploy.ship import target_of
    from pipeline.settings import load_settings

    rows = told(target_of(load_settings(settings_file)).entries())
    if as_json:
        answer(rows)
        return
    for row in rows:
        move = f"{row['from']} -> {row['to']}"
        click.echo(f"{row['at']}  {row['who']}  {row['action']}  {move}  {row['outcome']}  {row['reason']}")


@click.command(epilog="Example: slipway doctor")
@settings_option
def doctor(settings_file: Path) -> None:
    """Settle what was interrupted and pay the registry what it is owed."""
    from deploy.registry import mirror
    from deploy.rollout import settle
    from deploy.ship import target_of
    from pipeline.settings import load_settings

    settings = load_settings(settings_file)
    target = target_of(settings)
    settle(target)
    if champion := target.champion():
        mirror(settings, champion)
    click.echo(f"all agree: {target.champion_sentence()}")


def _status(settings_file: Path) -> dict[str, Any]:
    """One release for batch and real time by construction: both follow the same link."""
    from deploy import rollout
    from deploy.registry import registered_release
    from deploy.ship import target_of
    from pipeline.settings import load_settings

    settings = load_settings(settings_file)
    target = target_of(settings)
    if target.path.exists():
        rollout.settle(target)
    champion, held = target.champion(), target.held()
    release = {"release": champion.release.version, "digest": champion.digest} if champion else {"release": None}
    place = {"name": "local", "kind": "directory", "path": str(target), "batch": release, "realtime": release}
    return {
        "registry": {"release": registered_release(settings)},
        "targets": [place],
        "held": held.reason if held else None,
    }
