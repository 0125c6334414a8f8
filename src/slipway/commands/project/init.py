"""`slipway init`: turn a copy of Slipway's own repository into a project, in place, completely or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from slipway.commands.project.file_changes import FileChange, write_all
from slipway.commands.project.new import link_locks, write_project
from slipway.commands.project.template_values import check_name
from slipway.errors import InitError
from slipway.pipeline.project_files import TEMPLATE
from slipway.reporting.progress import SILENT, Progress
from slipway.storage import atomic
from slipway.versioning.git.checkout import list_changes, newest_tag
from slipway.versioning.git.command import git, run
from slipway.versioning.library_wheel import SOURCE

LIBRARY_ONLY = (
    ".ci",
    ".github/CODEOWNERS",
    ".github/ISSUE_TEMPLATE",
    ".github/workflows/library-ci.yml",
    ".github/workflows/library.yml",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "components/ingest",
    "docs",
    "library",
    "packages",
    "style",
    "tests",
    SOURCE,
)
"""What this repository has besides a project's files. They are removed in this order: the source that runs goes last."""


@dataclass(frozen=True)
class Initialized:
    """The files that were written, and how many of the library's were removed."""

    written: list[str]
    removed: int


def initialize(
    root: Path, name: str, *, description: str = "", force: bool = False, progress: Progress = SILENT
) -> Initialized:
    """Turn the copy at ``root`` into the project ``name``, with the same files as `slipway new`. Nothing is committed.

    A copy that is a project already is left as it is.

    Raises:
        SettingsError: the name is not allowed.
        InitError: there are uncommitted changes or releases, and ``force`` is not set; or the dependencies cannot be
            resolved.
        StorageError: a file could not be written; every file is unchanged.
    """
    check_name(name)
    root = root.absolute()
    if not (root / SOURCE / "slipway" / TEMPLATE.name / "copier.yml").is_file():
        return Initialized([], 0)
    if not force:
        _check_fresh_copy(root)
    remote = run(root, "remote", "get-url", "origin").stdout.strip()
    with tempfile.TemporaryDirectory(prefix="slipway-init-") as folder:
        staged = Path(folder, "project")
        write_project(staged, name, description=description, remote=remote, progress=progress)
        paths = {path.relative_to(staged) for path in staged.rglob("*") if path.is_file() and not path.is_symlink()}
        changes = [FileChange(root / path, (staged / path).read_bytes(), "") for path in sorted(paths)]
        write_all([change for change in changes if not change.is_applied])
    removed = _remove_library(root, paths)
    link_locks(root)
    return Initialized([str(path) for path in sorted(paths)], removed)


def _check_fresh_copy(root: Path) -> None:
    if names := list_changes(root):
        raise InitError(f"{root} has uncommitted changes ({names}); commit them, or use --force; nothing was changed")
    if tag := newest_tag(root):
        raise InitError(
            f"{root} already has releases, the last one {tag}, so it is not a fresh copy; --force proceeds anyway, but "
            "the next version still follows that tag; nothing was changed"
        )


def _remove_library(root: Path, kept: set[Path]) -> int:
    removed = [path for path in _library_files(root) if path not in kept]
    for path in removed:
        (root / path).unlink(missing_ok=True)
    for folder in LIBRARY_ONLY:
        # What git does not know, such as compiled modules, goes with its folder; a folder with a project's file stays.
        if (root / folder).is_dir() and not any(path.is_relative_to(folder) for path in kept):
            atomic.remove_folder(root / folder)
    return len(removed)


def _library_files(root: Path) -> Iterator[Path]:
    for folder in LIBRARY_ONLY:
        yield from (Path(name) for name in git(root, "ls-files", "-z", "--", folder).split("\0") if name)
