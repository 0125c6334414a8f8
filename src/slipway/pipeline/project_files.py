"""Find the files of a project's pipeline: its own, or those of the template if it has none."""

from __future__ import annotations

from pathlib import Path

from slipway.errors import SettingsError
from slipway.reporting.suggestions import did_you_mean

TEMPLATE = Path(__file__).parents[1] / "template"
"""The files that a project without its own ``pipeline/`` or component uses; they are part of the wheel."""


def pipeline_script(root: Path) -> Path:
    """The script that wires the steps of the project at ``root``."""
    return _own_or_template(root, Path("pipeline", "run.py"))


def component_folder(root: Path, name: str) -> Path:
    """The folder of a component of the project at ``root``.

    Raises:
        SettingsError: it does not exist, or lacks a file.
    """
    folder = _own_or_template(root, Path("components", name, "MLproject")).parent
    for file in ("MLproject", "run.py"):
        if not (folder / file).is_file():
            own, every = root / "components", (root / "components", TEMPLATE / "components")
            known = {path.parent.name for components in every for path in components.glob("*/MLproject")} - {name}
            hint = "" if (own / name).is_dir() else did_you_mean(name, known)
            raise SettingsError(f"pipeline/run.py runs the step '{name}', but {own / name / file} does not exist{hint}")
    return folder


def import_folders(root: Path) -> tuple[Path, Path]:
    """Where every component finds the project's own modules: its packages, and the files of the train component."""
    return root / "src", component_folder(root, "train")


def _own_or_template(root: Path, file: Path) -> Path:
    own = root / file
    return own if own.is_file() else TEMPLATE / file
