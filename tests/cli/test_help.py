"""The help of each verb is the one in ``tests/cli/help/``, complete at both widths, and ends with examples."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from slipway.cli.main import summary
from tests.cli.help_snapshots import FOLDER, WIDTHS, help_text, snapshot_path, verbs

SLIPWAY = Path(sys.executable).with_name("slipway")
VERBS = list(verbs())


def name(value: Any) -> str:
    return "-".join(value) or "slipway" if isinstance(value, tuple) else str(value) if isinstance(value, int) else ""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("path", "command"), VERBS, ids=name)
def test_the_help_is_the_snapshot(path: tuple[str, ...], command: click.Command, width: int) -> None:
    """`python -m tests.cli.help_snapshots` writes them again."""
    assert help_text(path, command, width) == snapshot_path(path, width).read_text(encoding="utf-8")


def test_each_snapshot_is_of_a_verb() -> None:
    assert {*FOLDER.glob("*/*")} == {snapshot_path(path, width) for path, _ in VERBS for width in WIDTHS}


@pytest.mark.parametrize("path", [(), ("ship",), ("ci", "release-page")], ids=name)
def test_the_snapshot_is_what_the_command_prints(path: tuple[str, ...], tmp_path: Path) -> None:
    command, environment = [SLIPWAY, *path, "--help"], os.environ | {"COLUMNS": "80"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == snapshot_path(path, 80).read_text(encoding="utf-8")


@pytest.mark.parametrize(("path", "command"), VERBS, ids=name)
def test_no_line_is_too_long_and_no_summary_is_cut(path: tuple[str, ...], command: click.Command) -> None:
    for width in WIDTHS:
        text = help_text(path, command, width)
        assert max(map(len, text.splitlines())) <= width
        for verb in command.commands.values() if isinstance(command, click.Group) else ():
            assert summary(verb) in " ".join(text.split())


@pytest.mark.parametrize(("path", "command"), VERBS[1:], ids=name)
def test_each_verb_has_examples_of_itself(path: tuple[str, ...], command: click.Command) -> None:
    lines = help_text(path, command, 80).splitlines()
    examples = lines[lines.index("  Examples:") + 1 :]
    assert examples[0].startswith(f"    slipway {' '.join(path)}")
