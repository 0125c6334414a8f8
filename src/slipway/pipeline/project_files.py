"""Find the files of a project's pipeline: its own, or those of the template if it has none."""

from __future__ import annotations

from pathlib import Path

TEMPLATE = Path(__file__).parents[1] / "template"
"""The files that a project without its own ``pipeline/`` or component uses; they are part of the wheel."""


def pipeline_script(root: Path) -> Path:
    """The script that wires the steps of the project at ``root``."""
    return _own_or_template(root, Path("pipeline", "run.py"))


def component_folder(root: Path, name: str) -> Path:
    """The folder of a component of the project at ``root``."""
    return _own_or_template(root, Path("components", name, "MLproject")).parent


def _own_or_template(root: Path, file: Path) -> Path:
    own = root / file
    return own if own.is_file() else TEMPLATE / file
