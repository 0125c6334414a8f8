"""`slipway new --components`: a small repository with components, tests, a catalog and releases; or nothing at all."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from slipway.commands.project.new import FIRST_COMMIT, count_files, new_project
from slipway.commands.project.render import COMPONENTS_TEMPLATE
from slipway.errors import InitError
from tests.support.component_repositories import new_components
from tests.support.fork_server import slipway
from tests.support.git_repositories import ROOT, git


@pytest.fixture
def components() -> Path:
    return new_components()


@pytest.mark.slow
def test_it_is_small_committed_and_its_catalog_is_up_to_date(components: Path) -> None:
    files, lines = count_files(components)
    assert files <= 20
    assert lines <= 600
    assert git(components, "status", "--porcelain") == ""
    assert git(components, "log", "--format=%s") == FIRST_COMMIT
    for name in ("requirements.lock", ".github/requirements.lock"):
        text = (components / name).read_text()
        assert re.search(r"^slipway-ml==", text, re.MULTILINE)
        assert "://" not in text
    packages = (components / ".github/requirements.lock").read_text()
    assert "\nmlflow==" not in packages
    for arguments in (("catalog", "--check"), ("check",)):
        done = slipway(components, "components", *arguments)
        assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_it_releases_by_the_same_rules_as_a_project_and_knows_no_example(components: Path) -> None:
    theirs = tomllib.loads((components / "pyproject.toml").read_text())
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert theirs["tool"]["semantic_release"] == ours["tool"]["semantic_release"]
    assert theirs["project"]["name"] == "steps"
    assert theirs["dependency-groups"]["components"] == []
    for path in git(components, "ls-files").splitlines():
        if not path.endswith((".lock", ".whl")):
            assert "flight" not in (components / path).read_text().lower(), path


def test_its_template_has_only_what_differs_from_a_project() -> None:
    own = {
        path.relative_to(COMPONENTS_TEMPLATE).as_posix() for path in COMPONENTS_TEMPLATE.rglob("*") if path.is_file()
    }
    workflows = {f".github/workflows/{name}.yml" for name in ("ci", "release")}
    assert own == workflows | {"Makefile", "README.md.jinja", "pyproject.toml.jinja", "tests/test_components.py.jinja"}


def test_a_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InitError, match="exists and is not empty; choose another folder; nothing was changed"):
        new_project(tmp_path, "steps", components=True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
