"""What can be upgraded to, where the wheel comes from, the migrations, and one issue for the team."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_github.fake import GitHub

from slipway.cli.main import slipway
from slipway.commands.project.upgrade import migrations
from slipway.commands.project.upgrade.check import LABEL, TITLE, UpgradeCheck, check_upgrade, update_issue
from slipway.commands.project.upgrade.migrations import Migration, migrations_between
from slipway.commands.project.upgrade.start import choose_wheel
from slipway.commands.project.upgrade.wheel import open_wheel
from slipway.errors import SettingsError, UpgradeError
from tests.support.git_repositories import ROOT
from tests.support.later_versions import tiny_wheel
from tests.support.release_files import Client


def test_a_check_names_both_versions_and_the_files_that_change(small: Path, newer: Path) -> None:
    found = check_upgrade(small, open_wheel(newer))
    assert (found.current, found.available, found.newer, found.files) == ("1.0.0", "1.1.0", True, ["Makefile"])
    same = check_upgrade(small, open_wheel(small / "vendor" / "slipway_ml-1.0.0-py3-none-any.whl"))
    assert (same.newer, same.lines()) == (False, ["this project uses slipway-ml 1.0.0; 1.0.0 is not newer"])


def test_the_newest_version_comes_from_the_index_that_pip_is_told(
    small: Path, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(newer.parent))
    (small / ".uv").symlink_to(ROOT / ".uv")  # as `make setup` leaves it
    with choose_wheel(small, "", None) as (wheel, _):
        assert wheel.version == "1.1.0"
    monkeypatch.delenv("PIP_FIND_LINKS")
    with pytest.raises(UpgradeError, match=r"slipway-ml cannot be downloaded: .*; nothing was changed"):
        choose_wheel(small, "", None).__enter__()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half of it"])
def test_a_file_that_is_no_wheel_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.whl").write_bytes(content)
    with pytest.raises(UpgradeError, match=r"x\.whl cannot be read as a wheel; nothing was changed"):
        open_wheel(tmp_path / "x.whl")


def test_a_wheel_of_another_package_or_version_is_refused(small: Path, newer: Path, tmp_path: Path) -> None:
    with pytest.raises(UpgradeError, match=r"is a wheel of slipway and not of slipway-ml"):
        open_wheel(tiny_wheel(tmp_path / "other.whl", "1.1.0", "", name="slipway"))
    with pytest.raises(UpgradeError, match=r"is version 1\.1\.0 and not 1\.2\.0"):
        choose_wheel(small, "1.2.0", newer).__enter__()
    with pytest.raises(UpgradeError, match=r"'--help' is not a version"):
        choose_wheel(small, "--help", None).__enter__()
    (small / ".slipway-template.yml").unlink()
    with pytest.raises(SettingsError, match=r"not a project that Slipway made"):
        choose_wheel(small, "", newer).__enter__()


def test_migrations_run_in_order_from_the_old_version_to_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [Migration(version, version, lambda root, wheel: None) for version in ("", "1.1.0", "1.2.0", "2.0.0")]
    monkeypatch.setattr(migrations, "MIGRATIONS", tuple(made))
    assert [m.version for m in migrations_between("1.0.0", "1.2.0")] == ["", "1.1.0", "1.2.0"]
    assert [m.version for m in migrations_between("1.1.0+g1234567", "1.1.0")] == [""]
    assert [m.version for m in migrations_between("1.2.0", "3.0.0")] == ["", "2.0.0"]


def test_each_migration_is_of_a_version_in_order_and_says_what_it_does() -> None:
    versions = [m.version for m in migrations.MIGRATIONS if m.version]
    assert versions == sorted(versions, key=lambda v: [int(part) for part in v.split(".")])
    assert all(len(m.sentence) > 20 for m in migrations.MIGRATIONS)


def test_the_pin_and_the_wheel_are_replaced_and_a_second_time_changes_nothing(small: Path, newer: Path) -> None:
    for _ in range(2):
        migrations.pin_library(small, open_wheel(newer))
        assert '["slipway-ml==1.1.0"]' in (small / "pyproject.toml").read_text()
        assert '"slipway-ml[training]==1.1.0"' in (small / "pyproject.toml").read_text()
        assert [path.name for path in (small / "vendor").iterdir()] == [newer.name]


def test_one_issue_is_open_while_there_is_a_newer_version(github: GitHub, client: Client) -> None:
    for available in ("1.1.0", "1.1.0", "1.2.0"):
        update_issue(client, UpgradeCheck("1.0.0", available, True, ["feat: fast"], ["Makefile"]))
    (issue,) = github.repository.issues
    assert (issue.title, issue.state, list(issue.labels)) == (TITLE, "open", [LABEL])
    assert "$ slipway upgrade 1.2.0" in issue.body
    assert "new      feat: fast" in issue.body
    assert "closed http" in update_issue(client, UpgradeCheck("1.2.0", "1.2.0", False, [], []))
    assert issue.state == "closed"
    assert "closed" not in update_issue(client, UpgradeCheck("1.2.0", "1.2.0", False, [], []))


def test_the_command_prints_the_check_as_json(small: Path, newer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = str(small / "slipway.toml")
    slipway(["upgrade", "--check", "--wheel", str(newer), "--settings", settings, "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out) == {
        "current": "1.0.0", "available": "1.1.0", "newer": True, "news": [], "files": ["Makefile"],
    }  # fmt: skip
