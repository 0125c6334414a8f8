"""In a components repository, a breaking change of a parameter is a major version, and the catalog lists all of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.commands.components.parameters import _parse, parameter_changes
from slipway.errors import CompatibilityError, ContractError, SettingsError
from tests.support.fork_server import PROGRAM, Ended, slipway
from tests.support.git_repositories import ROOT, git, project
from tests.support.projects import edit
from tests.support.smaller_lock import program
from tests.workflows.rules import RELEASE_LOCK

RUN = '''from pathlib import Path

from slipway.pipeline.component import main


def balance(out: Path, *, {parameters}) -> dict[str, float]:
    """Drop rows of the ``largest`` class."""
    return {{}}


if __name__ == "__main__":
    main(balance)
'''
FIRST = "train: Path, target: str, ratio: float = 3.0, costs: dict[str, float] = {}"


def write(root: Path, parameters: str, declared: str) -> None:
    folder = root / "components" / "balance"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.py").write_text(RUN.format(parameters=parameters))
    (folder / "MLproject").write_text(f"name: balance\nentry_points:\n  main:\n    parameters:\n{declared}")


def declare(**parameters: str) -> str:
    return "".join(f"      {name}: {{type: string{default}}}\n" for name, default in parameters.items())


DECLARED = declare(train="", target="", ratio=", default: 3.0", costs=", default: '{}'")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A components repository whose release v1.0.0 has one component."""
    write(tmp_path, FIRST, DECLARED)
    (tmp_path / "pyproject.toml").write_text(project())
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n<!-- version list -->\n")
    git(tmp_path, "init", "-q", "-b", "main")
    save(tmp_path, "feat: balance")
    git(tmp_path, "tag", "v1.0.0")
    return tmp_path


def save(root: Path, message: str) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-qm", message)


def check(root: Path, *arguments: str) -> Ended:
    return slipway(root, "components", "check", *arguments)


def kinds(before: str, after: str) -> list[tuple[str, str, str]]:
    interfaces = [{"balance": _parse(RUN.format(parameters=text), "run.py")} for text in (before, after)]
    return [(change.kind, change.column, change.level) for change in parameter_changes(*interfaces)]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (FIRST, []),
        (FIRST.replace("dict[str, float]", "dict"), []),
        (FIRST.replace(", target: str", ""), [("parameter_removed", "balance.target", "major")]),
        (FIRST.replace("target", "label"), [("parameter_renamed", "balance.target", "major")]),
        (FIRST + ", seed: int", [("parameter_added", "balance.seed", "major")]),
        (FIRST + ", seed: int = 0", [("parameter_added", "balance.seed", "minor")]),
        (FIRST.replace("float =", "int ="), [("parameter_type", "balance.ratio", "major")]),
        (FIRST.replace("3.0", "2.0"), [("parameter_default", "balance.ratio", "minor")]),
        (FIRST.replace(" = 3.0", ""), [("parameter_default", "balance.ratio", "major")]),
        (FIRST.replace("target: str", "target: str = 'y'"), [("parameter_default", "balance.target", "minor")]),
    ],
)
def test_each_change_of_a_parameter_requires_its_bump(after: str, expected: list[tuple[str, str, str]]) -> None:
    assert kinds(FIRST, after) == expected


def test_a_component_that_is_gone_breaks_and_a_new_one_does_not() -> None:
    found = {"balance": _parse(RUN.format(parameters=FIRST), "run.py")}
    assert [(change.kind, change.level) for change in parameter_changes(found, {})] == [("component_removed", "major")]
    assert [(change.kind, change.level) for change in parameter_changes({}, found)] == [("component_added", "minor")]


def test_a_breaking_change_is_refused_until_a_commit_says_so(root: Path) -> None:
    write(root, FIRST.replace("target: str", "label: str"), DECLARED.replace("target", "label"))
    save(root, "fix: a clearer name")
    refused = check(root)
    assert refused.returncode == CompatibilityError.exit_code
    assert "callers of 1.0.0 need at least 2.0.0, but the next version is 1.0.1: " in refused.stderr
    assert "parameter 'target' of 'balance' was renamed to 'label'" in refused.stderr
    assert json.loads(check(root, "--json").stdout)["required"] == "major"
    done = check(root, "--title", "fix!: a clearer name")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2.0.0 is a large enough bump from 1.0.0 (at least major)")


def test_what_changes_nothing_for_pipelines_needs_no_version(root: Path) -> None:
    edit(root / "components/balance/run.py", "return {}", "return dict()")
    save(root, "fix: the same, shorter")
    assert check(root).stdout == "nothing changed for callers of 1.0.0\n"


def test_a_first_release_has_nothing_to_compare_with(root: Path) -> None:
    git(root, "tag", "-d", "v1.0.0")
    assert check(root).stdout == "there is no release to compare with, so no pipeline is affected yet\n"


@pytest.mark.parametrize(
    ("parameters", "declared", "said"),
    [
        (FIRST, declare(train="", target=""), "do not have the same parameters: costs, ratio"),
        (FIRST, DECLARED.replace(", default: 3.0", ""), "disagree about which parameters have a default: ratio"),
        (FIRST, "x", "has no entry point 'main' with parameters"),
        ("train Path", DECLARED, "is not valid Python"),
    ],
)
def test_a_component_that_contradicts_itself_is_refused(root: Path, parameters: str, declared: str, said: str) -> None:
    write(root, parameters, declared)
    for verb in ("check", "catalog"):
        refused = slipway(root, "components", verb)
        assert refused.returncode == SettingsError.exit_code
        assert said in refused.stderr


def test_the_catalog_says_since_when_a_component_and_a_parameter_are_there(root: Path) -> None:
    refused = slipway(root, "components", "catalog", "--check")
    assert refused.returncode == ContractError.exit_code
    assert "CATALOG.md does not exist; run `slipway components catalog`" in refused.stderr
    write(root, FIRST + ", seed: int = 0", DECLARED + declare(seed=", default: 0"))
    slipway(root, "components", "catalog")
    text = (root / "CATALOG.md").read_text()
    assert "## balance\n\nDrop rows of the `largest` class. Since v1.0.0.\n" in text
    assert "| `costs` | `dict` | `{}` | v1.0.0 |" in text
    assert "| `train` | `Path` | required | v1.0.0 |" in text
    assert "| `seed` | `int` | `0` | the next release |" in text
    save(root, "feat: a seed")
    git(root, "tag", "v1.1.0")
    # A release changes nothing in the branch, so the page is still right; written again, it has the number.
    assert slipway(root, "components", "catalog", "--check").returncode == 0
    slipway(root, "components", "catalog")
    assert "| `seed` | `int` | `0` | v1.1.0 |" in (root / "CATALOG.md").read_text()
    edit(root / "components/balance/run.py", "seed: int = 0", "seed: int = 1")
    assert slipway(root, "components", "catalog", "--check").returncode == ContractError.exit_code


def test_a_release_page_has_the_changes_and_the_catalog(root: Path, tmp_path: Path) -> None:
    (root / ".gitignore").write_text("dist/\n")
    (root / "CHANGELOG.md").write_text("# Changelog\n\n## v1.1.0\n\n- balance takes a seed\n\n## v1.0.0\n\n- first\n")
    save(root, "feat: a seed")
    refused = slipway(root, "ci", "pack-components", "dist")
    assert "not at a release tag" in refused.stderr
    git(root, "tag", "v1.1.0")
    done = slipway(root, "ci", "pack-components", "dist")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (root / "dist").iterdir()) == ["CATALOG.md", "SHA256SUMS", "notes.md"]
    notes = (root / "dist" / "notes.md").read_text()
    assert notes.startswith("## v1.1.0\n\n- balance takes a seed\n\n## Components\n")
    assert "### balance" in notes
    assert "- first" not in notes


def test_its_workflows_need_only_the_packages_of_a_release(root: Path) -> None:
    (root / ".gitignore").write_text("dist/\n")
    save(root, "feat: ignore")
    git(root, "tag", "v1.1.0")
    for command in (["components", "check"], ["ci", "pack-components", "dist"], ["components", "catalog"]):
        line = [sys.executable, "-c", f"{program(ROOT / RELEASE_LOCK)}\n{PROGRAM}", *command]
        done = subprocess.run(line, cwd=root, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
