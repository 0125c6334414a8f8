"""`slipway init` on a copy of this very repository: a project like any other, or nothing changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from slipway.__about__ import DISTRIBUTION, installed_version
from slipway.commands.project.init import LIBRARY_ONLY, initialize
from slipway.errors import InitError, SettingsError, StorageError
from slipway.settings.settings import load_settings
from slipway.versioning.tag_release import tag_release
from tests.support.git_repositories import ROOT, git

pytestmark = [pytest.mark.usefixtures("own_environment"), pytest.mark.slow]

SLIPWAY = Path(sys.executable).with_name("slipway")
CACHE = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")
"""What `churn` resolved is in uv's cache, so these tests resolve the same again without the package index."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy as "Use this template" makes it after this repository had releases of its own: one commit, no tag."""
    root = tmp_path / "copy"
    for name in git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if name and (ROOT / name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name, follow_symlinks=False)
    git(tmp_path, "init", "-q", "-b", "main", str(root))
    git(root, "remote", "add", "origin", "https://github.com/octo/churn.git")
    commit_all(root, "Initial commit")
    return root


def resolve_from_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", CACHE)


def commit_all(root: Path, message: str) -> None:
    git(root, "add", "--all")
    git(root, "commit", "-qm", message)


def files(root: Path) -> set[str]:
    return set(git(root, "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate").splitlines())


def present(root: Path) -> set[str]:
    return {name for name in files(root) if (root / name).exists()}


def test_a_copy_becomes_what_slipway_new_makes_and_its_first_release_is_1_0_0(
    root: Path, churn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_from_cache(monkeypatch)
    done = subprocess.run(
        [SLIPWAY, "init", "--name", "churn", "--description", "Who leaves?"], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "of Slipway's own" in done.stdout
    wheels = {name for name in present(root) | present(churn) if name.startswith("vendor/")}
    assert present(root) - wheels == (present(churn) | {"LICENSE"}) - wheels
    assert not any((root / name).exists() for name in LIBRARY_ONLY if not (churn / name).exists())
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert (project["name"], project["version"], project["description"]) == ("churn", "0.0.0", "Who leaves?")
    trust = load_settings(root / "slipway.toml").trust
    assert trust.identity == "https://github.com/octo/churn/.github/workflows/deploy.yml@refs/tags/v{version}"
    assert trust.allow_unsigned

    commit_all(root, "feat: start")
    before = git(root, "rev-parse", "HEAD^{tree}")
    assert initialize(root, "churn").written == []
    assert git(root, "status", "--porcelain") == ""
    assert git(root, "rev-parse", "HEAD^{tree}") == before
    assert tag_release(root, to_remote=False).tag == "v1.0.0"


def test_uncommitted_work_is_not_overwritten(root: Path) -> None:
    (root / "slipway.toml").write_text((root / "slipway.toml").read_text() + "\n# mine\n")
    with pytest.raises(InitError, match=r"has uncommitted changes .*slipway\.toml.*nothing was changed"):
        initialize(root, "churn")
    assert git(root, "status", "--porcelain") == "M slipway.toml"


def test_a_repository_with_releases_is_no_fresh_copy(root: Path) -> None:
    git(root, "tag", "v1.7.2")
    with pytest.raises(InitError, match=r"has releases, the last one v1\.7\.2"):
        initialize(root, "churn")
    assert git(root, "status", "--porcelain") == ""


def test_a_name_that_cannot_be_one_is_refused(root: Path) -> None:
    with pytest.raises(SettingsError, match="is not a valid project name"):
        initialize(root, "My churn")
    assert git(root, "status", "--porcelain") == ""


def test_a_file_that_cannot_be_written_takes_the_others_back(
    root: Path, churn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_from_cache(monkeypatch)
    (root / ".slipway.toml.tmp").mkdir()
    (root / ".git/info/exclude").write_text(".slipway.toml.tmp\n")
    with pytest.raises(StorageError, match=r"slipway\.toml cannot be written"):
        initialize(root, "churn")
    assert git(root, "status", "--porcelain") == ""


def test_without_a_terminal_the_name_must_be_given(tmp_path: Path) -> None:
    done = subprocess.run([SLIPWAY, "init"], cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (
        3,
        "slipway: the project needs a name; run `slipway init --name my-model`; nothing was changed\n",
    )


def test_the_command_knows_the_librarys_version() -> None:
    library = tomllib.loads((ROOT / "src/pyproject.toml").read_text())["project"]
    assert (DISTRIBUTION, installed_version()) == (library["name"], library["version"])
    done = subprocess.run([SLIPWAY, "--version"], check=True, capture_output=True, text=True)
    assert done.stdout == f"slipway, version {installed_version()}\n"
