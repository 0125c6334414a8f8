"""The help of every verb, as it is printed on a terminal of 80 and of 120 columns.

``python -m tests.cli.help_snapshots`` rewrites ``tests/cli/help/``; the difference shows in review.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import click

from slipway.cli.main import slipway

FOLDER = Path(__file__).with_name("help")
WIDTHS = (80, 120)


def verbs(group: click.Group = slipway, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command and group with its path: () is `slipway` itself."""
    yield path, group
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from verbs(command, *path, name)
        else:
            yield (*path, name), command


def snapshot_path(path: tuple[str, ...], width: int) -> Path:
    return FOLDER / str(width) / f"{'-'.join(path) or 'slipway'}.txt"


def help_text(path: tuple[str, ...], command: click.Command, width: int) -> str:
    """What `slipway PATH --help` prints."""
    context = click.Context(slipway, info_name="slipway", **slipway.context_settings)
    for name in path:
        inner = command if name == path[-1] else slipway.commands[name]
        context = click.Context(inner, context, name, **inner.context_settings)
    with patch.dict(os.environ, COLUMNS=str(width)):
        return f"{command.get_help(context)}\n"


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    for path, command in verbs():
        for width in WIDTHS:
            file = snapshot_path(path, width)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(help_text(path, command, width), encoding="utf-8")


if __name__ == "__main__":
    main()
