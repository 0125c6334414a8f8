"""The house rules that a reader can break without noticing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import click
import pytest

from deploy.cli import slipway
from pipeline.errors import ERRORS

ROOT = Path(__file__).parents[1]


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", modules("components"), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_component_imports_the_harness_and_its_own_folder_only(path: Path) -> None:
    own = f"components.{path.relative_to(ROOT / 'components').parts[0]}"
    ours = {name for name in imports(path) if name.split(".")[0] in ("pipeline", "components", "deploy")}
    assert [n for n in ours if not n.startswith(("pipeline.component", own)) and n != "pipeline.errors"] == []


@pytest.mark.parametrize("path", modules("pipeline"), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_pipeline_knows_neither_components_nor_deploy(path: Path) -> None:
    assert [name for name in imports(path) if name.split(".")[0] in ("components", "deploy")] == []


def test_nothing_about_the_example_stands_outside_its_files() -> None:
    allowed = ("components/ingest/",)
    for folder in ("pipeline", "components", "deploy"):
        for path in modules(folder):
            if not str(path.relative_to(ROOT)).startswith(allowed):
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
    assert f"slipway {' '.join(place)}" in (command.epilog or "")


@pytest.mark.parametrize("module", ["deploy.batch", "deploy.realtime.server", "deploy.scorer", "deploy.cli"])
def test_serving_imports_no_training_library(module: str) -> None:
    code = f"import sys, {module}; print([m for m in ('pandas', 'sklearn', 'mlflow', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
