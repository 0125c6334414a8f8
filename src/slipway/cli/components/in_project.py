"""Define the commands for a project that uses components of another repository: lock."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from slipway.cli.options import json_option, print_result, settings_option, stderr_progress


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
