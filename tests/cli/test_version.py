"""`slipway --version` prints the installed version and the champion's, and works everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.__about__ import installed_version
from slipway.cli.state import DEFAULT_TARGET
from slipway.settings.sections import Target as TargetSettings
from tests.support.bundles import flip, make_bundle
from tests.support.fork_server import slipway

INSTALLED = f"slipway, version {installed_version()}\n"


def champion(target: Path, version: str) -> None:
    flip(target, make_bundle(target / "releases", version))


def test_outside_a_project_it_is_the_installed_version(tmp_path: Path) -> None:
    done = slipway(tmp_path, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, INSTALLED, "")


def test_in_a_project_the_champion_of_its_target_follows(tmp_path: Path) -> None:
    (tmp_path / "slipway.toml").write_text('[target]\npath = "live"\n')
    assert slipway(tmp_path, "--version").stdout == INSTALLED
    champion(tmp_path / "live", "1.0.0")
    assert slipway(tmp_path, "--version").stdout == f"{INSTALLED}champion 1.0.0 in live\n"
    champion(tmp_path / "elsewhere", "2.0.0")
    found = slipway(tmp_path, "--version", SLIPWAY_TARGET="elsewhere").stdout
    assert found == f"{INSTALLED}champion 2.0.0 in elsewhere\n"


@pytest.mark.parametrize("settings", ["", "no toml [", 'target = "a text"', "[target]\npath = 5\n"])
def test_a_broken_project_is_no_error(settings: str, tmp_path: Path) -> None:
    (tmp_path / "slipway.toml").write_text(settings)
    assert slipway(tmp_path, "--version").stdout == INSTALLED


def test_the_default_target_is_that_of_the_settings() -> None:
    assert Path(DEFAULT_TARGET) == TargetSettings.model_fields["path"].default
