"""Define the commands for a project that uses components of another repository: lock and compare."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from slipway.cli.options import json_option, print_result, settings_option, stderr_progress
from slipway.errors import GateRefused


@click.command()
@settings_option
@json_option
def lock(settings_file: Path, as_json: bool) -> None:
    """Pin the components of another repository to commits.

    Fetches each version that [components] in slipway.toml names and writes its commit to components.lock, which you
    commit. A version is refused if its tag was moved since it was locked. If the versions need other packages than before,
    run `make lock` afterwards.

    \b
    Examples:
      slipway components lock && git diff components.lock
    """
    from slipway.commands.components.lock import REQUIREMENTS, lock_components
    from slipway.settings.settings import COMPONENTS_LOCK, load_settings

    done = lock_components(load_settings(settings_file), stderr_progress)
    lines = [f"{tag}  {commit}" for tag, commit in done.commits.items()]
    lines += [f"wrote {COMPONENTS_LOCK}; commit it with slipway.toml"]
    lines += [f"{REQUIREMENTS} changed: run `make lock`, then `make setup`"] * done.requirements_changed
    print_result(asdict(done), "\n".join(lines), as_json)


@click.command()
@click.option(
    "--base", envvar="SLIPWAY_BASE", metavar="COMMIT", default="", help="Compare with COMMIT. Default: $SLIPWAY_BASE."
)
@click.option(
    "--github", is_flag=True, help="Compare with the release that GitHub marks as Latest, not the local champion."
)
@settings_option
@json_option
def compare(base: str, github: bool, settings_file: Path, as_json: bool) -> None:
    """Show what newer components do to the model.

    If this branch moves the version of a component, a candidate is trained with it and the gate compares it with the
    champion. In a GitHub workflow the result is added to the job's summary. Nothing is released; the exit code is 9 if
    the gate would refuse the candidate. If no version moved since COMMIT, or since the last
    release, nothing is trained.

    \b
    Examples:
      slipway components compare
      slipway components compare --base origin/main --github
    """
    from slipway.commands.components.compare import compare_components, comparison_text, find_moves
    from slipway.github.workflows import write_summary
    from slipway.settings.settings import load_settings

    settings = load_settings(settings_file)
    moves = find_moves(settings, base)
    if not moves:
        print_result({"moves": []}, "no version of a component moved; nothing was trained", as_json)
        return
    judged = compare_components(settings, github=github, progress=stderr_progress)
    text = comparison_text(moves, judged)
    write_summary(text)
    rows = [{"component": name, "before": before, "now": now} for name, before, now in moves]
    print_result({"moves": rows, "verdict": judged.verdict.verdict, "markdown": text}, text, as_json)
    if judged.verdict.verdict == "refuse":
        raise GateRefused(judged.verdict_text)
