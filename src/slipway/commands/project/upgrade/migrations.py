"""Migrations: what an upgrade changes in the files that belong to the project and are not merged.

To change such a file in a release of the library, add a migration with that release's version at the end of MIGRATIONS.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from slipway.commands.project.file_changes import read_text
from slipway.commands.project.upgrade.wheel import LibraryWheel, is_newer
from slipway.versioning.commit_types import PROJECT_FILE
from slipway.versioning.library_wheel import VENDOR, WHEEL_PATTERN

_PIN = re.compile(r"(slipway-ml(?:\[[^\]]*\])?\s*==\s*)[^\s\"',;]+")


@dataclass(frozen=True)
class Migration:
    """A change of a project's files.

    Attributes:
        version: the version of the library that needs the change; empty for a change that each upgrade makes.
        sentence: what it does, for the user.
        migrate: makes the change in the project's folder; it must do nothing if the change is already made.
    """

    version: str
    sentence: str
    migrate: Callable[[Path, LibraryWheel], None]


def pin_library(root: Path, wheel: LibraryWheel) -> None:
    """Pin a version in pyproject.toml, and replace the wheel in ``vendor/`` if there is one."""
    project = root / PROJECT_FILE
    project.write_text(_PIN.sub(rf"\g<1>{wheel.version}", read_text(project)), encoding="utf-8")
    if (root / VENDOR).is_dir():
        for old in (root / VENDOR).glob(WHEEL_PATTERN):
            if old.name != wheel.file.name:
                old.unlink()
        if not (root / VENDOR / wheel.file.name).exists():
            shutil.copyfile(wheel.file, root / VENDOR / wheel.file.name)


MIGRATIONS: tuple[Migration, ...] = (
    Migration("", "pyproject.toml, vendor/ and the lock files name the new version", pin_library),
)


def migrations_between(before: str, version: str) -> Iterator[Migration]:
    """Yield the migrations between two versions, in order."""
    for migration in MIGRATIONS:
        if not migration.version or (is_newer(migration.version, before) and not is_newer(migration.version, version)):
            yield migration
