"""Render the template's files with a project's values, by copier."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from pathlib import Path

from slipway.commands.project.template_values import TemplateValues
from slipway.pipeline.project_files import TEMPLATE
from slipway.storage.digests import file_digest

COMPONENTS_TEMPLATE = TEMPLATE.with_name("components_template")
"""The files that only a components repository has; it shares the others with a project."""
_SHARED = (
    *("copier.yml", ".editorconfig", ".gitignore.jinja", "CHANGELOG.md.jinja", "components/python_env.yaml"),
    *(".github/actions/setup/action.yml", ".github/dependabot.yml", ".github/zizmor.yml"),
    *(f"components/{name}/{file}" for name in ("split", "train") for file in ("MLproject", "run.py")),
)
SAMPLE = Path("data", "customers.csv")
"""The table that a new project starts with."""

MADE_ONCE = (
    ".gitignore",
    "CHANGELOG.md",
    "README.md",
    "components/ingest/features.py",
    "contract.json",
    SAMPLE.as_posix(),
    "pyproject.toml",
    "slipway.toml",
    "tests",
)
"""Files that are the project's own once they are made: `slipway upgrade` changes them by migrations only."""


def render(values: TemplateValues, into: Path, *, template: Path = TEMPLATE) -> None:
    """Write the files of a ``template`` into the new folder ``into``.

    Raises:
        OSError: a file cannot be written.
    """
    import copier

    data = {
        "name": values.name,
        "description": values.description,
        "slipway_version": values.slipway_version,
        "identity": values.identity,
        "sample_digest": "" if template == COMPONENTS_TEMPLATE else file_digest(template / SAMPLE),
    }
    with tempfile.TemporaryDirectory(prefix="slipway-template-") as folder, warnings.catch_warnings():
        # Where the library is developed, the template's files are links, and copier refuses links that lead outside.
        files = shutil.copytree(template, Path(folder, "template"), ignore=shutil.ignore_patterns("__pycache__"))
        for name in _SHARED if template == COMPONENTS_TEMPLATE else ():
            (files / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(TEMPLATE / name, files / name)
        warnings.simplefilter("ignore")  # copier warns that the template is not a git repository
        copier.run_copy(str(files), into, data=data, defaults=True, overwrite=True, quiet=True)


def is_made_once(path: str) -> bool:
    """Return whether a file, by its path in the project, is the project's own after it is made."""
    return any(path == name or path.startswith(f"{name}/") for name in MADE_ONCE)
