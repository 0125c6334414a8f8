"""What of the library is public: the docs list it, a project uses no more, and what would break a caller is found."""

from __future__ import annotations

import importlib
import inspect
import re
import shutil
from functools import cache
from pathlib import Path

import griffe
import pytest

from library.public_api import PUBLIC_MODULES, breaking_changes, load_api, load_api_at, public_names
from tests.support.documents import tables
from tests.support.git_repositories import commit, git
from tests.support.projects import edit
from tests.test_structure import imports, modules

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "library.md"


@cache
def api() -> griffe.Module:
    return load_api(ROOT / "src")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the library's source, to be edited."""
    ignored = shutil.ignore_patterns("__pycache__", "template")
    shutil.copytree(ROOT / "src" / "slipway", tmp_path / "src" / "slipway", ignore=ignored)
    return tmp_path / "src"


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_each_public_name_exists_and_is_explained(module: str) -> None:
    imported = importlib.import_module(module)
    assert imported.__doc__
    for name in public_names(api(), module):
        thing = getattr(imported, name)
        assert not (inspect.isclass(thing) or inspect.isfunction(thing)) or thing.__doc__, (
            f"{module}.{name} has no docstring"
        )


def test_the_page_lists_the_public_modules_with_their_names() -> None:
    rows = [row for table in tables(PAGE) for row in table if row[0].strip("`") in PUBLIC_MODULES]
    listed = {row[0].strip("`"): sorted(re.findall(r"`(\w+)`", row[1])) for row in rows}
    shown = {module: public_names(api(), module) for module in PUBLIC_MODULES}
    errors = shown.pop("slipway.errors")
    assert set(listed.pop("slipway.errors")) <= set(errors)  # the others are in docs/reference.md
    assert listed == shown


def test_a_project_imports_only_what_is_public() -> None:
    for path in [*modules(ROOT / "pipeline"), *modules(ROOT / "components")]:
        used = {name for name in imports(path) if name.split(".")[0] == "slipway"}
        assert used <= set(PUBLIC_MODULES), path


SPLIT = "slipway/steps/split.py"
BREAKING = {
    "a removed parameter": (SPLIT, "time: str, days: int)", "time: str)", "slipway.steps.split: hold_out_last_days"),
    "a new parameter without a default": (
        SPLIT, "time: str, days: int)", "time: str, days: int, gap: int)", "slipway.steps.split: hold_out_last_days",
    ),
    "a name that is no longer public": (SPLIT, '"hold_out_by_hash", ', "", "slipway.steps.split: hold_out_by_hash"),
    "a parameter of a function that a step takes from another room": (
        "slipway/contract/schema.py", "def read_contract(path: Path", "def read_contract(file: Path",
        "slipway.steps.train: read_contract",
    ),
    "another exit code": (
        "slipway/errors.py", "exit_code = 4\n", "exit_code = 99\n", "slipway.errors: DataError.exit_code: 4 became 99",
    ),
}  # fmt: skip
HARMLESS = {
    "a new parameter with a default": (SPLIT, "time: str, days: int)", "time: str, days: int, gap: int = 0)"),
    "another parameter of a private function": (
        SPLIT,
        "def _describe_target(rows: pd.DataFrame, ",
        "def _describe_target(",
    ),
    "a module that is not public": ("slipway/gate/judge.py", "def judge(", "def judge_all("),
    "another value of a constant": (
        "slipway/settings/settings.py",
        "split: sections.Split = sections.Split()",
        "split: sections.Split = SPLIT",
    ),
}


@pytest.mark.parametrize("change", BREAKING)
def test_a_change_that_can_break_a_caller_is_found(change: str, source: Path) -> None:
    file, before, after, found = BREAKING[change]
    edit(source / file, before, after)
    changes = breaking_changes(api(), load_api(source))
    assert any(line.startswith(found) for line in changes), changes
    assert not any("\x1b" in line or "\n" in line for line in changes)


@pytest.mark.parametrize("change", HARMLESS)
def test_a_change_that_breaks_nobody_is_allowed(change: str, source: Path) -> None:
    file, before, after = HARMLESS[change]
    edit(source / file, before, after)
    assert breaking_changes(api(), load_api(source)) == []


def test_a_public_module_that_is_gone_breaks_callers_and_a_new_one_does_not(source: Path) -> None:
    (source / "slipway" / "reporting" / "numbers.py").unlink()
    changed = load_api(source)
    assert breaking_changes(api(), changed) == ["slipway.reporting.numbers: the module was removed"]
    assert breaking_changes(changed, api()) == []


def test_two_commits_are_compared_without_a_change_to_the_checkout(source: Path) -> None:
    root = source.parent
    git(root, "init", "-q", "-b", "main")
    commit(root, "feat: the library")
    git(root, "tag", "slipway-ml-v1.0.0")
    edit(source / SPLIT, '"hold_out_by_hash", ', "")
    commit(root, "fix: less")
    changes = breaking_changes(load_api_at(root, "slipway-ml-v1.0.0"), load_api(source))
    assert changes == ["slipway.steps.split: hold_out_by_hash: is no longer public"]
    assert git(root, "status", "--porcelain") == ""
    assert len(git(root, "worktree", "list").splitlines()) == 1
