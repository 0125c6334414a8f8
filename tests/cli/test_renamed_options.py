"""An option's former name is refused with the new one."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from slipway.cli.options import RenamedOptionsCommand


@click.command(cls=RenamedOptionsCommand, renamed={"--colour": "--color"})
@click.argument("thing")
@click.option("--color", default="red")
def paint(thing: str, color: str) -> None:
    click.echo(f"{thing} is {color}")


@pytest.mark.parametrize("arguments", [["door", "--colour", "blue"], ["--colour=blue", "door"], ["door", "--colour"]])
def test_a_former_name_is_refused_with_the_new_one(arguments: list[str]) -> None:
    done = CliRunner().invoke(paint, arguments)
    assert done.exit_code == 2
    assert "`--colour` is now `--color`" in done.output


def test_an_unknown_option_is_refused_as_ever() -> None:
    done = CliRunner().invoke(paint, ["door", "--coler", "blue"])
    assert done.exit_code == 2
    assert "No such option" in done.output and "--color" in done.output


def test_the_new_name_is_accepted_and_the_former_one_is_not_in_the_help() -> None:
    assert CliRunner().invoke(paint, ["door", "--color", "blue"]).output == "door is blue\n"
    assert "--colour" not in CliRunner().invoke(paint, ["--help"]).output


def test_after_two_dashes_a_former_name_is_an_argument() -> None:
    assert CliRunner().invoke(paint, ["--", "--colour"]).output == "--colour is red\n"
