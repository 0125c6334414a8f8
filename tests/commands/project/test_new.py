"""`slipway new`: a project of one's own, small, complete and committed; or nothing at all."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from slipway.commands.project.new import FIRST_COMMIT, count_files, new_project
from slipway.commands.project.template_values import workflow_identity
from slipway.errors import InitError, SettingsError
from slipway.pipeline.project_files import TEMPLATE
from slipway.settings.settings import check_contract, load_settings
from tests.support.git_repositories import ROOT, git
from tests.support.new_projects import DESCRIPTION, copy_of_new

pytestmark = pytest.mark.slow

SLIPWAY = Path(sys.executable).with_name("slipway")
LOCKS = {
    "requirements.lock": "vendor",
    "components/requirements.lock": "./vendor",
    "deploy/batch/requirements-spark.lock": "../../vendor",
    "deploy/realtime/requirements.lock": "../../vendor",
    ".github/requirements.lock": "../vendor",
}


def managed_links() -> dict[str, Path]:
    """The template's files that are this repository's own, by their path in a project."""
    links = [path for path in TEMPLATE.rglob("*") if path.is_symlink()]
    return {path.relative_to(TEMPLATE).as_posix(): path.resolve() for path in links}


def test_it_is_small_committed_and_nothing_is_left_to_do(churn: Path) -> None:
    files, lines = count_files(churn)
    assert files <= 60
    assert lines <= 2_200
    assert git(churn, "status", "--porcelain") == ""
    assert git(churn, "log", "--format=%s") == FIRST_COMMIT
    assert check_contract(load_settings(churn / "slipway.toml")) == churn / "contract.json"
    assert [path.name for path in churn.parent.iterdir() if path.name != "lock"] == ["churn"]


def test_each_managed_file_is_this_repositorys_own(churn: Path) -> None:
    links = managed_links()
    assert {"Makefile", "pipeline/run.py", ".github/workflows/deploy.yml", "tests/test_release.py"} <= set(links)
    for path, source in links.items():
        assert source.is_relative_to(ROOT), path
        assert (churn / path).read_bytes() == source.read_bytes(), path


def test_every_file_of_the_root_is_managed_or_named_as_the_librarys(churn: Path) -> None:
    """A new file at the root must be decided about: either projects get it, or it stands here."""
    tops = ("src/", "tests/", "docs/", "packages/", "style/", "library/")
    own = {
        ".ci/run", ".github/CODEOWNERS", ".github/workflows/library-ci.yml", ".github/workflows/library.yml",
        "CONTRIBUTING.md", "LICENSE", "SECURITY.md", "components/ingest/flights.py",
    }  # fmt: skip
    renamed = {".github/ISSUE_TEMPLATE/"}  # a project has its own kind of issue
    tracked = git(ROOT, "ls-files").splitlines()
    left = [
        path
        for path in tracked
        if not path.startswith((*tops, *renamed)) and path not in own and not (churn / path).exists()
    ]
    assert left == []


def test_it_says_nothing_of_the_example_of_this_repository(churn: Path) -> None:
    for path in git(churn, "ls-files").splitlines():
        if not path.endswith((".lock", ".whl", "vendor")):
            assert "flight" not in (churn / path).read_text().lower(), path


def test_it_releases_by_the_same_rules_as_this_repository(churn: Path) -> None:
    ours, theirs = (tomllib.loads((root / "pyproject.toml").read_text()) for root in (ROOT, churn))
    assert theirs["tool"]["semantic_release"] == ours["tool"]["semantic_release"]
    assert theirs["tool"]["ruff"]["line-length"] == ours["tool"]["ruff"]["line-length"]
    assert set(theirs["dependency-groups"]) == set(ours["dependency-groups"]) - {"library"}
    assert theirs["project"]["description"] == DESCRIPTION
    values = yaml.safe_load((churn / ".slipway-template.yml").read_text())
    assert values["description"] == DESCRIPTION
    assert theirs["project"]["dependencies"] == [f"slipway-ml=={values['slipway_version']}"]


def test_every_lock_names_the_wheel_by_its_hash_and_no_index(churn: Path) -> None:
    (wheel,) = (churn / "vendor").iterdir()
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    for name, vendor in LOCKS.items():
        text = (churn / name).read_text()
        assert re.findall("^--.*", text, re.MULTILINE) == [f"--find-links {vendor}"], name
        assert re.search(rf"^slipway-ml==\S+ \\\n    --hash=sha256:{digest}$", text, re.MULTILINE), name
        assert "://" not in text
    for folder in [*churn.glob("components/*/"), churn / "pipeline"]:
        if (folder / "MLproject").exists():
            assert (folder / "requirements.lock").resolve() == churn / "components" / "requirements.lock"
            assert (folder / "vendor").resolve() == churn / "vendor"


def pins(root: Path) -> set[str]:
    return set(re.findall(r"^[a-z][\w.-]*==[^ ;]+", (root / "requirements.lock").read_text(), re.MULTILINE))


def test_its_versions_are_those_that_the_tests_ran_with(churn: Path) -> None:
    assert {pin for pin in pins(churn) - pins(ROOT) if not pin.startswith("slipway-ml==")} == set()


def clean(**extra: str) -> dict[str, str]:
    """What a person's shell on a fresh machine has."""
    kept = {name: value for name, value in os.environ.items() if name in ("HOME", "PATH") or name.startswith("UV_")}
    return {**kept, **extra}


def test_make_ship_and_make_test_work_in_it(churn: Path, tmp_path: Path) -> None:
    project = copy_of_new(churn, tmp_path / "churn")
    shipped = subprocess.run(["make", "ship"], cwd=project, env=clean(), capture_output=True, text=True)
    assert shipped.returncode == 0, shipped.stderr
    assert "is live for batch and real time" in shipped.stdout
    for target in ("test", "check"):
        done = subprocess.run(["make", target], cwd=project, env=clean(), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert git(project, "status", "--porcelain") == ""


def test_a_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "churn").mkdir()
    (tmp_path / "churn" / "mine.txt").write_text("mine")
    with pytest.raises(InitError, match=r"exists and is not empty; .*`slipway new \.` there adds what is missing"):
        new_project(tmp_path / "churn")
    assert [path.name for path in tmp_path.rglob("*")] == ["churn", "mine.txt"]


@pytest.mark.parametrize("name", ["Churn", "9lives", "a", "churn-", "x" * 500])
def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="is not a valid project name"):
        new_project(tmp_path / "churn", name)
    assert list(tmp_path.iterdir()) == []


def test_without_an_index_nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(InitError, match="the dependencies cannot be resolved: .*nothing was kept"):
        new_project(tmp_path / "made" / "churn")
    assert list((tmp_path / "made").iterdir()) == []


def test_without_an_identity_of_ones_own_it_is_committed_all_the_same(
    churn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(copy_of_new(churn, tmp_path / "p") / ".git")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    from slipway.commands.project.new import _commit_all

    _commit_all(tmp_path / "p")
    assert git(tmp_path / "p", "log", "--format=%s") == FIRST_COMMIT


@pytest.mark.parametrize(
    "remote",
    ["git@github.com:octo/churn.git", "https://github.com/octo/churn", "https://x:y@github.com/octo/churn.git"],
)
def test_a_repository_on_github_is_trusted_by_its_own_workflow(remote: str) -> None:
    assert workflow_identity(remote) == (
        "https://github.com/octo/churn/.github/workflows/deploy.yml@refs/tags/v{version}"
    )


@pytest.mark.parametrize(
    "remote", ["", "/srv/git/churn.git", "https://gitlab.com/octo/churn", "https://github.com/octo"]
)
def test_elsewhere_no_workflow_signs(remote: str) -> None:
    assert workflow_identity(remote) == ""


def test_the_command_tells_what_it_made_to_a_machine_too(tmp_path: Path) -> None:
    done = subprocess.run(
        [SLIPWAY, "new", str(tmp_path / "a b" / "churn"), "--yes", "--no-commit", "--json"],
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = yaml.safe_load(done.stdout)
    assert (made["folder"], made["committed"]) == (str(tmp_path / "a b" / "churn"), False)
    assert not (tmp_path / "a b" / "churn" / ".git").exists()
