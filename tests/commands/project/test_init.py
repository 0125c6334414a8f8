"""`slipway init` on a real copy of this template, all of it or nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from slipway.__about__ import DISTRIBUTION, installed_version
from slipway.commands.project.init import CHANGELOG, initialize
from slipway.contract.schema import encode_contract, read_contract
from slipway.errors import InitError, SettingsError, StorageError
from slipway.settings.settings import check_contract, load_settings
from slipway.versioning.semver import is_release_tag
from slipway.versioning.tag_release import tag_release
from tests.support.git_repositories import ROOT, commit, git, project

pytestmark = pytest.mark.usefixtures("own_environment")

SLIPWAY = Path(sys.executable).with_name("slipway")
FILES = ("pyproject.toml", "slipway.toml", "contract.json", "CHANGELOG.md", "README.md")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy as "Use this template" makes it after this template had releases of its own: one commit, no tag."""
    root = tmp_path / "copy"
    git(tmp_path, "init", "-q", "-b", "main", str(root))
    settings = (ROOT / "slipway.toml").read_text()
    (root / "slipway.toml").write_text(re.sub("^name = .*$", 'name = "example"', settings, flags=re.MULTILINE))
    (root / "contract.json").write_bytes(encode_contract(load_settings(root / "slipway.toml").contract))
    (root / "pyproject.toml").write_text(project("1.7.2"))
    (root / "README.md").write_text("# Slipway\n\nThe template's own words.\n")
    (root / "CHANGELOG.md").write_text(f"{CHANGELOG}\n## v1.7.2 (2026-01-01)\n\n- What the template did\n")
    commit(root, "Initial commit")
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {name: (root / name).read_bytes() for name in FILES if (root / name).exists()}


def comments(path: Path) -> list[str]:
    return [line.partition("#")[2] for line in path.read_text().splitlines() if "#" in line]


def test_a_copy_becomes_a_project_of_its_own_and_keeps_every_comment(root: Path) -> None:
    told = {name: comments(root / name) for name in ("pyproject.toml", "slipway.toml")}
    done = subprocess.run(
        [SLIPWAY, "init", "--name", "churn", "--description", "Who leaves?"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    assert [line.split(":")[0] for line in done.stdout.splitlines()[:5]] == list(FILES)
    assert "commit as `feat: start` and push: that releases 1.0.0" in done.stdout
    told_of = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert (told_of["name"], told_of["version"], told_of["description"]) == ("churn", "0.0.0", "Who leaves?")
    assert {name: comments(root / name) for name in told} == told
    assert (root / "CHANGELOG.md").read_text() == CHANGELOG
    assert (root / "README.md").read_text().startswith("# churn\n\nWho leaves?\n")
    before = read_contract(ROOT / "contract.json")
    settings = load_settings(root / "slipway.toml")
    after = read_contract(check_contract(settings))
    assert (settings.name, after.name, after.inputs, after.classes) == ("churn", "churn", before.inputs, before.classes)
    assert sorted(git(root, "diff", "--name-only").split()) == sorted(FILES)


def test_the_first_release_of_the_new_project_is_1_0_0(root: Path) -> None:
    initialize(root / "slipway.toml", "churn")
    commit(root, "feat: start")
    assert tag_release(root, to_remote=False).tag == "v1.0.0"
    assert "1.7.2" not in (root / "CHANGELOG.md").read_text()


def test_a_second_time_changes_nothing(root: Path) -> None:
    assert initialize(root / "slipway.toml", "churn", description="Who leaves?") != []
    made = contents(root)
    assert initialize(root / "slipway.toml", "churn") == []
    (root / "README.md").write_text("# churn\n\nMy own words.\n")
    commit(root, "feat: start")
    assert initialize(root / "slipway.toml", "churn") == []
    assert contents(root) == made | {"README.md": b"# churn\n\nMy own words.\n"}


def test_a_readme_of_ones_own_is_left_alone(root: Path) -> None:
    (root / "README.md").write_text("# Mine\n")
    commit(root, "docs: mine")
    initialize(root / "slipway.toml", "churn")
    assert (root / "README.md").read_text() == "# Mine\n"


@pytest.mark.parametrize("file", ["slipway.toml", "notes.txt"])
def test_uncommitted_work_is_not_overwritten_unless_forced(root: Path, file: str) -> None:
    with (root / file).open("a") as opened:
        opened.write("\n# mine\n")
    before = contents(root)
    with pytest.raises(InitError, match=f"has uncommitted changes .*{file}.*nothing was changed"):
        initialize(root / "slipway.toml", "churn")
    assert contents(root) == before
    assert initialize(root / "slipway.toml", "churn", force=True) != []
    assert (root / file).read_text().endswith("# mine\n")


def test_a_project_with_releases_is_no_fresh_copy_unless_forced(root: Path) -> None:
    git(root, "tag", "v1.7.2")
    before = contents(root)
    with pytest.raises(InitError, match=r"has releases, the last one v1\.7\.2"):
        initialize(root / "slipway.toml", "churn")
    assert contents(root) == before
    assert initialize(root / "slipway.toml", "churn", force=True) != []


@pytest.mark.parametrize(
    "name", ["", "Churn", "my churn", "9lives", "a", "churn-", "../up", "$(touch canary)", "x" * 500]
)
def test_a_name_that_cannot_be_one_is_refused(root: Path, name: str) -> None:
    before = contents(root)
    with pytest.raises(SettingsError, match="is not a valid project name"):
        initialize(root / "slipway.toml", name)
    assert contents(root) == before


def test_a_file_that_cannot_be_written_takes_the_others_back(root: Path) -> None:
    (root / ".README.md.tmp").mkdir()
    (root / ".gitignore").write_text(".README.md.tmp\n")
    commit(root, "chore: in the way")
    before = contents(root)
    with pytest.raises(StorageError, match=r"README\.md cannot be written"):
        initialize(root / "slipway.toml", "churn")
    assert contents(root) == before
    assert git(root, "status", "--porcelain") == ""


def test_without_a_terminal_the_name_must_be_given(root: Path) -> None:
    done = subprocess.run([SLIPWAY, "init"], cwd=root, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (
        3,
        "slipway: the project needs a name; run `slipway init --name my-model`; nothing was changed\n",
    )


def test_the_command_knows_the_librarys_version() -> None:
    version = installed_version()
    library = tomllib.loads((ROOT / "src/pyproject.toml").read_text())["project"]
    assert (DISTRIBUTION, version) == (library["name"], library["version"])
    done = subprocess.run([SLIPWAY, "--version"], check=True, capture_output=True, text=True, env=dict(os.environ))
    assert done.stdout == f"slipway, version {version}\n"
    assert is_release_tag(f"v{version}")
