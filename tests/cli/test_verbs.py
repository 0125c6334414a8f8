"""The verbs as a person meets them: in groups, complete, with a suggestion for a typo, and completed by the shell."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from slipway.cli.main import VerbGroup, ci, slipway, summary
from tests.support.fork_server import clean
from tests.support.fork_server import slipway as call

SLIPWAY = Path(sys.executable).with_name("slipway")


def groups(group: VerbGroup) -> Iterator[VerbGroup]:
    yield group
    for verb in group.commands.values():
        if isinstance(verb, VerbGroup):
            yield from groups(verb)


GROUPS = [*groups(slipway)]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_each_verb_is_in_one_section_of_the_help(group: VerbGroup) -> None:
    assert sorted(verb.name or "" for verbs in group.sections.values() for verb in verbs) == sorted(group.commands)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_each_summary_is_one_complete_line(group: VerbGroup, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    with slipway.make_context("slipway", [], resilient_parsing=True) as context:
        lines = group.get_help(click.Context(group, context, group.name)).splitlines()
    for name, verb in group.commands.items():
        assert len(summary(verb)) <= 60, name
        assert any(line.split() == [name, *summary(verb).split()] for line in lines), name


def test_the_verbs_that_moved_to_ci_are_callable_by_their_old_path_and_not_listed(tmp_path: Path) -> None:
    assert set(slipway.old_paths) == set(ci.commands)
    listed = call(tmp_path, "--help").stdout
    for name in ci.commands:
        assert call(tmp_path, name, "--help").stdout.startswith(f"Usage: slipway {name} ")
        assert f"  {name} " not in listed


@pytest.mark.parametrize(
    ("arguments", "sentence", "helpful"),
    [
        (["shp"], "no such command 'shp'; did you mean 'ship'?", "slipway"),
        (["zebra"], "no such command 'zebra'", "slipway"),
        (["version"], "no such command 'version'; did you mean '--version'?", "slipway"),
        (["help"], "no such command 'help'; did you mean '--help'?", "slipway"),
        (["verfy"], "no such command 'verfy'; did you mean 'verify'?", "slipway"),
        (["relase-page"], "no such command 'relase-page'; did you mean 'ci release-page'?", "slipway"),
        (["contract", "wirte"], "no such command 'wirte'; did you mean 'write'?", "slipway contract"),
        (["ship", "--no-cach"], "no such option '--no-cach'; did you mean '--no-cache'?", "slipway ship"),
        (["ship", "--zebra"], "no such option '--zebra'", "slipway ship"),
        (["rollback"], "missing option '--reason'", "slipway rollback"),
        (
            ["ship", "--env-manager", "virtualen"],
            "invalid value for '--env-manager': 'virtualen' is not one of 'local', 'uv', 'virtualenv'; "
            "did you mean 'virtualenv'?",
            "slipway ship",
        ),
    ],
)
def test_a_usage_error_is_one_line_and_a_hint(
    arguments: list[str], sentence: str, helpful: str, tmp_path: Path
) -> None:
    done = call(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"slipway: {sentence}\ntry '{helpful} --help'\n"


def test_every_verb_for_people_can_print_json() -> None:
    """Except the server; the commands of `slipway ci` print what the next job of a workflow reads."""
    verbs = {verb.name: verb for group in GROUPS if group is not ci for verb in group.commands.values()}
    without = {name for name, verb in verbs.items() if not any("--json" in option.opts for option in verb.params)}
    assert without == {"serve", "contract", "components", "ci", "slipway"} & set(verbs)


def test_the_bare_command_shows_the_help(tmp_path: Path) -> None:
    done = call(tmp_path)
    assert done.returncode == 2
    assert "Housekeeping:" in done.stderr


@pytest.mark.parametrize(
    ("typed", "completed"),
    [("slipway sh", "ship"), ("slipway ci release-pa", "release-page"), ("slipway ship --no-c", "--no-cache")],
)
def test_the_shell_completes_verbs_and_options(typed: str, completed: str, tmp_path: Path) -> None:
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1), "_SLIPWAY_COMPLETE": "bash_complete"}
    done = subprocess.run([SLIPWAY], cwd=tmp_path, env=clean(**words), capture_output=True, text=True, check=True)
    assert done.stdout == f"plain,{completed}\n"


def test_the_completion_script_is_for_this_command(tmp_path: Path) -> None:
    for shell in ("bash", "zsh", "fish"):
        environment = clean(_SLIPWAY_COMPLETE=f"{shell}_source")
        done = subprocess.run([SLIPWAY], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        assert f"_SLIPWAY_COMPLETE={shell}_complete" in done.stdout
