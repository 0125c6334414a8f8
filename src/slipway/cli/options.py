"""Options that several verbs share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from slipway.errors import NotFoundError
from slipway.reporting.progress import Note, Say, now_and_then, to_stderr

Decorator = Callable[[Callable[..., None]], Callable[..., None]]

settings_option: Decorator = click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    default=Path("slipway.toml"),
    show_default=True,
    help="The settings file; paths in it count from its folder.",
)
json_option: Decorator = click.option("--json", "as_json", is_flag=True, help="Print one JSON object for machines.")
bundle_option: Decorator = click.option(
    "--bundle", type=click.Path(path_type=Path), help="A bundle's folder, instead of the champion."
)


def _running(work: str) -> AbstractContextManager[Note]:
    if sys.stderr.isatty() and find_spec("rich"):
        from slipway.cli.terminal import live

        return live(work)
    return now_and_then(work)


say = Say(to_stderr, _running)
"""Progress for people, on stderr."""


def answer(value: Any) -> None:
    """A result for machines, on stdout."""
    print(json.dumps(value, indent=2, default=str))


def champion_of(target: Path) -> Path:
    """The champion's folder, resolved once.

    Raises:
        NotFoundError: nothing serves yet.
    """
    current = target / "current"
    if not current.exists():
        raise NotFoundError(f"no champion serves at {target}; `slipway ship` makes the first one")
    return current.resolve()


def target_of(settings_file: Path) -> Path:
    """The target's folder."""
    from slipway.settings.settings import load_settings
    from slipway.target.target import path_of

    return path_of(load_settings(settings_file))


def bundle_of(settings_file: Path, bundle: Path | None) -> Path:
    """The bundle that an option names, or the champion's; a link is followed once, here."""
    return bundle.resolve() if bundle else champion_of(target_of(settings_file))
