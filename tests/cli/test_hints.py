"""A command that a message suggests works as printed: the verb exists, and no required option or argument is missing."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator

import click
import pytest

from slipway.cli.main import slipway
from tests.support.documents import ROOT

_IN_BACKTICKS = re.compile(r"`(slipway (?!COMMAND)[a-z][^`]*)`")
_ON_ITS_OWN = re.compile(r"(?:^|\s\s|\$ )(slipway [a-z]+ [^`\n]*--[^`\n]*)$", re.MULTILINE)
"""A command with options that is the end of a line, as `slipway doctor` prints it."""
PLACEHOLDER = "1"
"""Stands for a value that is known only when the message is built; it is a valid number, path and text."""


def docstrings(tree: ast.AST) -> set[ast.AST]:
    """The nodes of docstrings, which mention commands by name."""
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def texts(tree: ast.AST) -> Iterator[str]:
    """Every string in a module, with the placeholder for each value in it."""
    ignored = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            ignored |= set(node.values)
            yield "".join(part.value if isinstance(part, ast.Constant) else PLACEHOLDER for part in node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in ignored:
            yield node.value


def suggestions(source: str) -> list[str]:
    """The commands of `slipway` in the messages of a Python source."""
    if "slipway " not in source:
        return []
    found = (
        match
        for text in texts(ast.parse(source))
        for match in (*_IN_BACKTICKS.findall(text), *_ON_ITS_OWN.findall(text))
    )
    return sorted(set(found))


def parse(command: str) -> None:
    """Let click read a command as it would when it is called, without calling it."""
    _, *arguments = shlex.split(command)
    verb: click.Command = slipway
    while isinstance(verb, click.Group):
        assert arguments and arguments[0] in verb.commands, f"{command}: there is no such command"
        verb, arguments = verb.commands[arguments[0]], arguments[1:]
    try:
        # The settings of the group, since click keeps the help option that it makes first.
        verb.make_context(verb.name, arguments, **slipway.context_settings)
    except click.MissingParameter:
        raise
    except click.BadParameter:
        pass  # the placeholder is not a value that this parameter takes


SOURCES = sorted(path for path in (ROOT / "src" / "slipway").rglob("*.py") if "template" not in path.parts)
HINTS = [(path.relative_to(ROOT).as_posix(), hint) for path in SOURCES for hint in suggestions(path.read_text())]


@pytest.mark.parametrize(("file", "hint"), HINTS, ids=lambda value: value.replace("src/slipway/", ""))
def test_a_suggested_command_can_be_typed_as_it_is_printed(file: str, hint: str) -> None:
    parse(hint)


def test_every_way_to_suggest_a_command_is_found() -> None:
    assert {hint.split()[1] for _, hint in HINTS} >= {
        "resume",
        "rollback",
        "doctor",
        "ship",
        "batch",
        "serve",
        "retrain",
    }


@pytest.mark.parametrize(
    "source",
    [
        'raise Error(f"{target} is held; `slipway resume` lifts the hold")',
        'Issue("damaged", f"slipway rollback --to {version}")',
        'print("use `slipway batch`")',
        'print("run `slipway shp`")',
        'print(f"run `slipway ship --fast {name}`")',
    ],
)
def test_a_suggestion_that_does_not_work_would_be_noticed(source: str) -> None:
    (hint,) = suggestions(source)
    with pytest.raises((click.UsageError, AssertionError)):
        parse(hint)


def test_the_name_of_a_command_in_a_docstring_is_not_a_suggestion() -> None:
    assert suggestions('def resume():\n    """Do what `slipway resume` does."""\n') == []
