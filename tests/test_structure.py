"""The house rules that a reader can break without noticing."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from slipway.cli.main import slipway
from slipway.errors import ERRORS

ROOT = Path(__file__).parents[1]


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if not path.is_symlink())


@pytest.mark.parametrize("path", modules(ROOT / "components"), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_component_imports_the_harness_and_the_steps_only(path: Path) -> None:
    ours = {name for name in imports(path) if name.split(".")[0] in ("slipway", "pipeline", "components")}
    allowed = ("slipway.pipeline.component", "slipway.steps", "slipway.errors")
    assert [name for name in ours if not name.startswith(allowed)] == []


def test_the_script_of_the_pipeline_is_short_and_imports_the_pipeline_only() -> None:
    script = ROOT / "pipeline" / "run.py"
    assert len(script.read_text().splitlines()) <= 60
    assert [name for name in imports(script) if name.startswith("slipway") and "slipway.pipeline" not in name] == []


@pytest.mark.parametrize(
    "room", sorted({path.parent for path in modules(ROOT / "src" / "slipway")}), ids=lambda p: p.name
)
def test_a_room_has_few_files_and_says_what_it_is_for(room: Path) -> None:
    assert len([path for path in room.glob("*.py") if not path.name.startswith("__")]) <= 15
    text = (room / "__init__.py").read_text()
    assert ast.get_docstring(ast.parse(text))
    code = [line for line in ast.parse(text).body[1:] if not isinstance(line, ast.ImportFrom | ast.Assign)]
    assert code == [], "a room's __init__ holds a docstring, and in a step what components borrow"


def test_nothing_about_the_example_stands_in_the_library() -> None:
    for path in modules(ROOT / "src"):
        assert "flight" not in path.read_text().lower(), path


def test_every_exit_code_is_its_own_and_in_the_reference() -> None:
    codes = [error.exit_code for error in ERRORS]
    assert len(set(codes)) == len(codes)
    text = (ROOT / "docs" / "reference.md").read_text()
    for error in ERRORS:
        assert f"| {error.exit_code} | `{error.__name__}` | {(error.__doc__ or '').strip()} |" in text


def commands(group: click.Group, prefix: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found: list[tuple[tuple[str, ...], click.Command]] = []
    for name, command in group.commands.items():
        place = (*prefix, name)
        found.extend(commands(command, place) if isinstance(command, click.Group) else [(place, command)])
    return found


@pytest.mark.parametrize(("place", "command"), commands(slipway), ids=lambda v: " ".join(v) if type(v) is tuple else "")
def test_every_command_has_help_with_an_example(place: tuple[str, ...], command: click.Command) -> None:
    assert command.help
    text, name = f"{command.help} {command.epilog or ''}", " ".join(place)
    assert f"slipway {name}" in text or f"slipway ci {name}" in text


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter with this repository's contracts, on the library in a folder."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    program = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    return subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True)


def test_one_import_upwards_in_any_room_is_found(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "template")
    library = Path(shutil.copytree(ROOT / "src" / "slipway", tmp_path / "slipway", ignore=ignored))
    rooms = sorted(path.parent for path in library.glob("*/__init__.py") if path.parent.name != "cli")
    for module in [*(next(room.rglob("[a-z]*.py")) for room in rooms), library / "errors.py", library / "__about__.py"]:
        with module.open("a") as file:
            file.write("\n\ndef _look_up() -> None:\n    import slipway.cli.main\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1
    for name in [*(room.name for room in rooms), "errors", "__about__"]:
        assert f"slipway.{name} is not allowed to import slipway.cli:" in done.stdout, name


def test_nothing_is_imported_by_the_library_itself(tmp_path: Path) -> None:
    """`import slipway` costs nothing; what a room needs comes with the room."""
    code = "import sys; before = set(sys.modules); import slipway; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "['slipway']"


def test_the_library_imports_nothing_of_a_project() -> None:
    for path in modules(ROOT / "src"):
        tops = {name.split(".")[0] for name in imports(path)}
        assert tops & {"pipeline", "components", "deploy", "tests"} == set(), path


SERVING = ("slipway.batch.job", "slipway.realtime.http.server", "slipway.inference.scorer", "slipway.cli.main")


@pytest.mark.parametrize("module", SERVING)
def test_serving_imports_no_training_library(module: str) -> None:
    code = f"import sys, {module}; print([m for m in ('pandas', 'sklearn', 'mlflow', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
