"""Options and output functions that several verbs share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from slipway.errors import NotFoundError
from slipway.reporting.progress import Note, Progress, heartbeat_on_stderr, print_to_stderr
from slipway.settings.pinned_version import check_pinned_version

if TYPE_CHECKING:
    from github.Repository import Repository

    from slipway.bundle.release_file import Bundle
    from slipway.settings.settings import Settings
    from slipway.target.target import Target

_Result = TypeVar("_Result")
Decorator = Callable[[Callable[..., None]], Callable[..., None]]

_ANY_VERSION = ("upgrade", "serve", "batch", "pull", "verify")
"""Verbs that work with another version than the project pins: they run on hosts, or change the pin."""


def _check_version(context: click.Context, _: click.Parameter, settings_file: Path) -> Path:
    if not context.resilient_parsing and context.command.name not in _ANY_VERSION:
        check_pinned_version(settings_file.absolute().parent)
    return settings_file


settings_option: Decorator = click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    default=Path("slipway.toml"),
    show_default=True,
    callback=_check_version,
    help="The settings file; paths in it are relative to its folder.",
)
set_option: Decorator = click.option(
    "--set", "overrides", multiple=True, metavar="NAME=VALUE", help="Change one setting for this run."
)
json_option: Decorator = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
title_option: Decorator = click.option(
    "--title",
    envvar="SLIPWAY_TITLE",
    metavar="TEXT",
    help="A pull request's title, as for a squash merge; - reads standard input. Default: $SLIPWAY_TITLE.",
)
bundle_option: Decorator = click.option(
    "--bundle", type=click.Path(path_type=Path), help="A bundle's folder, instead of the champion."
)


class RenamedOptionsCommand(click.Command):
    """A command that refuses the former names of its options and prints the new ones.

    Use it as ``@click.command(cls=RenamedOptionsCommand, renamed={"--on-odd": "--on-anomaly"})``.
    """

    def __init__(self, *args: Any, renamed: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._renamed = renamed

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments.

        Raises:
            click.UsageError: an option has a former name; the exit code is 2, as for every unknown option.
        """
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name not in self._renamed:
                raise
            raise click.UsageError(f"`{error.option_name}` is now `{self._renamed[error.option_name]}`", ctx) from None


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a verb that runs the pipeline."""
    managers = click.Choice(["local", "uv", "virtualenv"])
    env_manager = click.option(
        "--env-manager", type=managers, default="local", show_default=True, help="Which environment runs components."
    )
    no_cache = click.option("--no-cache", is_flag=True, help="Run every component, even if its result is cached.")
    for option in (json_option, env_manager, no_cache, set_option, settings_option):
        command = option(command)
    return command


def _show_heartbeat(label: str) -> AbstractContextManager[Note]:
    if sys.stderr.isatty() and find_spec("rich"):
        from slipway.cli.terminal import show_spinner

        return show_spinner(label)
    return heartbeat_on_stderr(label)


stderr_progress = Progress(print_to_stderr, _show_heartbeat)
"""Progress messages for people, on stderr."""


def print_json(value: Any) -> None:
    """Print a result as JSON on stdout."""
    print(json.dumps(value, indent=2, default=str))


def print_result(result: Any, sentence: str, as_json: bool) -> None:
    """Print a result on stdout: as JSON for machines, or as a sentence for people."""
    if as_json:
        print_json(result)
    else:
        click.echo(sentence)


def open_target(settings_file: Path) -> tuple[Settings, Target]:
    """Load the settings and open the target that they name."""
    from slipway.settings.settings import load_settings
    from slipway.target.target import target_of

    settings = load_settings(settings_file)
    return settings, target_of(settings)


def retry_on_github(action: Callable[[Repository], _Result], repository: str | None = None) -> _Result:
    """Run ``action`` on the GitHub repository, again after temporary errors; it must be safe to repeat."""
    from slipway.github.client import connect, retry

    on = connect(repository)
    return retry(lambda: action(on), stderr_progress)


def github_champion(settings: Settings, folder: Path) -> Bundle:
    """Download and verify the bundle of the release marked as Latest on GitHub, into a new folder in ``folder``."""
    from slipway.github.download import fetch_champion
    from slipway.target.target import trust_of

    trust = trust_of(settings)
    return retry_on_github(lambda on: fetch_champion(on, folder, trust))


def resolve_bundle(settings_file: Path, bundle: Path | None) -> Path:
    """Return the folder of the bundle that an option names, or of the champion's bundle.

    Raises:
        NotFoundError: there is no champion yet.
    """
    # Links are resolved once, so that a job reads one bundle to its end, even if the champion changes while it runs.
    if bundle:
        return bundle.resolve()
    _, target = open_target(settings_file)
    if not target.current.exists():
        raise NotFoundError(f"{target} has no champion yet; `slipway ship` creates the first one")
    return target.current.resolve()


def read_title(title: str | None) -> str:
    """Return the title of a pull request, from standard input if it is ``-``."""
    return sys.stdin.read() if title == "-" else title or ""
