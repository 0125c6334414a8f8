"""A project as `slipway new` makes it, made once and copied: resolving its dependencies takes the package index."""

from __future__ import annotations

import shutil
from pathlib import Path

from slipway.commands.project.new import new_project

NAME, DESCRIPTION = "churn", 'Which customers "leave"?'


def make_once(folder: Path) -> Path:
    """The project, made if it is not there yet; whoever calls this at the same time must hold a lock."""
    if not (folder / NAME).is_dir():
        new_project(folder / NAME, description=DESCRIPTION)
    return folder / NAME


def copy_of_new(project: Path, folder: Path) -> Path:
    """A copy to change, with its history."""
    return Path(shutil.copytree(project, folder, symlinks=True))
