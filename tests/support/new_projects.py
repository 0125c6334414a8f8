"""A project as `slipway new` makes it."""

from __future__ import annotations

import shutil
from pathlib import Path

NAME, DESCRIPTION = "churn", 'Which customers "leave"?'


def copy_of_new(project: Path, folder: Path) -> Path:
    """A copy to change, with its history."""
    return Path(shutil.copytree(project, folder, symlinks=True))
