"""Find the files of a project's pipeline: its own, or those of the template if it has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from slipway.errors import SettingsError
from slipway.reporting.suggestions import did_you_mean

TEMPLATE = Path(__file__).parents[1] / "template"
"""The files that a project without its own ``pipeline/`` or component uses; they are part of the wheel."""


@dataclass(frozen=True)
class Component:
    """A component: its folder, and the folders in which it finds modules besides, in this order.

    ``version`` has the repository, version and commit of a component that comes from another repository.
    """

    name: str
    folder: Path
    imports: tuple[Path, ...]
    version: Mapping[str, str] = field(default_factory=dict)


def pipeline_script(root: Path) -> Path:
    """The script that wires the steps of the project at ``root``."""
    return template_or_own(root, Path("pipeline", "run.py"))


def component_folder(root: Path, name: str, checkout: Path | None = None) -> Path:
    """The folder of a component: the project's own, that in a ``checkout`` of its components repository, or the template's.

    A project with a pipeline and a components repository takes nothing from the template: a component that a version no
    longer has must not be replaced by another one unnoticed.

    Raises:
        SettingsError: it does not exist, or lacks a file.
    """
    template = None if checkout and (root / "pipeline" / "run.py").is_file() else TEMPLATE
    places = [place / "components" for place in (root, checkout, template) if place]
    own = root / "components" / name
    folder = next((place / name for place in places if (place / name / "MLproject").is_file()), own)
    for file in ("MLproject", "run.py"):
        if not (folder / file).is_file():
            known = {path.parent.name for place in places for path in place.glob("*/MLproject")} - {name}
            hint = "" if own.is_dir() else did_you_mean(name, known)
            where = ", and the components repository does not have it in this version" if checkout else ""
            raise SettingsError(
                f"pipeline/run.py runs the step '{name}', but {folder / file} does not exist{where}{hint}"
            )
    return folder


def template_or_own(root: Path, file: Path) -> Path:
    """The project's own ``file``, or that of the template if it has none."""
    own = root / file
    return own if own.is_file() else TEMPLATE / file
