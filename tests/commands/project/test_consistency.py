"""A project names one version of the library: doctor finds what disagrees, and another version refuses to act on it."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from slipway.cli.main import slipway
from slipway.commands.project.consistency import edited_files, find_disagreements
from slipway.errors import WrongVersionError
from slipway.settings.pinned_version import check_pinned_version


def test_another_version_than_the_pinned_one_refuses_and_names_the_right_one(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (small / "pyproject.toml").write_text('dependencies = ["slipway-ml==0.9.0"]\n')
    with pytest.raises(WrongVersionError, match=r"pins slipway-ml 0\.9\.0, but this is \S+; use the project's own"):
        check_pinned_version(small)
    monkeypatch.chdir(small)
    for verb in slipway.commands.values():
        refused = any(option.name == "settings_file" for option in verb.params)
        if not refused or verb.name in ("upgrade", "serve", "batch", "pull", "verify"):
            continue
        with pytest.raises(WrongVersionError):
            verb.make_context(verb.name, _required(verb))
    (small / "requirements.lock").unlink()
    check_pinned_version(small)


def _required(verb: click.Command) -> list[str]:
    """Something for each parameter that must be given."""
    options = [
        (option.opts[0], "1.0.0") for option in verb.params if option.required and isinstance(option, click.Option)
    ]
    arguments = [
        "1.0.0" if argument.callback else str(__file__)  # a release is checked at once
        for argument in verb.params
        if argument.required and isinstance(argument, click.Argument)
    ]
    return [*(word for pair in options for word in pair), *arguments]


def test_doctor_finds_what_disagrees_and_what_was_edited(small: Path, newer: Path) -> None:
    assert (list(find_disagreements(small)), edited_files(small)) == ([], [])
    (small / "Makefile").write_text("all: mine\n")
    assert edited_files(small) == ["Makefile"]
    (small / "pyproject.toml").write_text('dependencies = ["slipway-ml==1.1.0"]\n')
    assert list(find_disagreements(small)) == [
        ("the template is that of slipway-ml 1.0.0, but pyproject.toml pins 1.1.0", "slipway upgrade 1.1.0"),
        ("pyproject.toml pins slipway-ml 1.1.0, but requirements.lock has 1.0.0", "make lock"),
        ("pyproject.toml pins slipway-ml 1.1.0, but the wheel in vendor/ is 1.0.0", "git checkout HEAD -- vendor"),
    ]
