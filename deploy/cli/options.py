"""Options that several verbs share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pipeline.errors import NotFoundError

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


def say(line: str) -> None:
    """Progress for people, on stderr."""
    print(line, file=sys.stderr, flush=True)


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
