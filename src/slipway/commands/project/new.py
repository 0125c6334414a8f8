"""`slipway new DIR`: a project of one's own in a new folder, completely or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slipway.bundle.release_assets import CATALOG
from slipway.commands.components.catalog import render_catalog
from slipway.commands.project.render import COMPONENTS_TEMPLATE, render
from slipway.commands.project.template_values import TemplateValues, check_name, default_description, workflow_identity
from slipway.contract.schema import encode_contract
from slipway.errors import InitError, StorageError
from slipway.pipeline.project_files import TEMPLATE
from slipway.reporting.progress import SILENT, Progress
from slipway.settings.settings import CONTRACT_FILE, LOCK_FILE, load_settings
from slipway.storage import atomic
from slipway.versioning.git.command import git, last_line, run, run_program
from slipway.versioning.library_wheel import VENDOR, write_library_wheel

TESTED_VERSIONS = Path(__file__).with_name("tested_versions.txt")
"""The versions that the library is tested with; a new project's lock prefers them. `make lock` writes the file."""
FIRST_COMMIT = "feat: start the project"
_UV_ART = " \u2570\u2500\u25b6\u00d7\u251c"  # what uv draws before the lines of an error
_STAND_IN = ("-c", "user.name=slipway new", "-c", "user.email=slipway@localhost")


@dataclass(frozen=True)
class NewProject:
    """What was made: the folder, its files with their lines (locks and data apart), and whether they are committed."""

    folder: Path
    files: int
    lines: int
    committed: bool


def new_project(
    folder: Path,
    name: str = "",
    *,
    description: str = "",
    components: bool = False,
    commit: bool = True,
    progress: Progress = SILENT,
) -> NewProject:
    """Make the project ``name`` in ``folder``, which must not exist or be empty; the default name is the folder's.

    With ``components``, it is not a project but a repository of components for several projects. Everything is made in a
    folder beside it, which is renamed at the end. With ``commit``, the folder is a git repository with one commit.

    Raises:
        SettingsError: the name is not allowed.
        InitError: the folder exists and is not empty, or the dependencies cannot be resolved.
        ReleaseError: the library's wheel cannot be made, or git failed.
        StorageError: the files cannot be written.
    """
    folder = folder.absolute()
    name = name or folder.name
    check_name(name)
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        adopt = ", or make it a git repository first (`git init`), and `slipway new .` there adds what is missing"
        raise InitError(
            f"{folder} exists and is not empty; choose another folder{'' if components else adopt}; nothing was changed"
        )
    with _staging_folder(folder) as staged:
        if components:
            write_components(staged, name, description=description, progress=progress)
        else:
            write_project(staged, name, description=description, progress=progress)
        if commit:
            _commit_all(staged)
        count = count_files(staged)
        staged.replace(folder)
    return NewProject(folder, *count, committed=commit)


def write_project(folder: Path, name: str, *, description: str, remote: str = "", progress: Progress = SILENT) -> None:
    """Write every file of a new project into ``folder``, which must not exist: template, wheel, locks and contract.

    Raises:
        InitError: the dependencies cannot be resolved.
        ReleaseError: the library's wheel cannot be made.
        StorageError: a file cannot be written.
    """
    _write_template(folder, name, description or default_description(name), workflow_identity(remote), TEMPLATE)
    link_locks(folder)
    settings = load_settings(folder / "slipway.toml")
    atomic.write_file(folder / CONTRACT_FILE, encode_contract(settings.contract), durable=False)
    with progress.step_timer("resolving the dependencies"):
        resolve_locks(folder)


def write_components(folder: Path, name: str, *, description: str, progress: Progress = SILENT) -> None:
    """Write every file of a new components repository into ``folder``, which must not exist.

    Raises:
        InitError, ReleaseError, StorageError: as ``write_project`` does.
    """
    _write_template(folder, name, description or f"{name}: components for several pipelines", "", COMPONENTS_TEMPLATE)
    atomic.write_file(folder / CATALOG, render_catalog(folder).encode(), durable=False)
    with progress.step_timer("resolving the dependencies"):
        resolve_locks(folder)


def _write_template(folder: Path, name: str, description: str, identity: str, template: Path) -> None:
    """Write the files of a template, the library's wheel, and the versions that a new lock prefers."""
    with tempfile.TemporaryDirectory(prefix="slipway-wheel-") as built:
        wheel = write_library_wheel(Path(built))
        values = TemplateValues(name, description, wheel.name.split("-")[1], identity)
        try:
            render(values, folder, template=template)
            (folder / VENDOR).mkdir()
            shutil.copyfile(wheel, folder / VENDOR / wheel.name)
            shutil.copyfile(TESTED_VERSIONS, folder / LOCK_FILE)
        except OSError as error:
            raise StorageError(f"{folder} cannot be written: {error.strerror or error}; nothing was kept") from None


def link_locks(folder: Path) -> None:
    """Make the links through which `mlflow run` finds the training lock and the wheel that the lock names.

    MLflow installs the lock from a temporary folder that has what a project's folder has, so both must be in there.
    """
    for project in [*sorted(folder.glob("components/*/MLproject")), folder / "pipeline" / "MLproject"]:
        target = (
            Path("..", LOCK_FILE) if project.parent.parent.name == "components" else Path("../components", LOCK_FILE)
        )
        _link(project.with_name(LOCK_FILE), target)
        _link(project.with_name(VENDOR), Path("..", VENDOR))
    _link(folder / "components" / VENDOR, Path("..", VENDOR))


def resolve_locks(folder: Path) -> None:
    """Run `make lock` in a project; the versions in its lock files are kept where they can be.

    Raises:
        InitError: make or uv is not installed, or the versions cannot be resolved, for example without a network.
    """
    done = run_make(folder, "lock")
    if done.returncode:
        lines = [line.strip(_UV_ART) for line in done.stderr.splitlines() if not line.startswith("make")]
        reason = " ".join(line for line in lines if line)
        raise InitError(f"the dependencies cannot be resolved: {reason or last_line(done.stderr)}; nothing was kept")


def run_make(folder: Path, target: str) -> subprocess.CompletedProcess[str]:
    """Run a target of a project's Makefile, with the uv that is installed beside Slipway.

    Raises:
        InitError: make or uv is not installed.
    """
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None or shutil.which("make") is None:
        missing = "uv" if uv is None else "make"
        raise InitError(
            f"{missing} is not installed, but the lock files are made with it; install {missing}; nothing was kept"
        )
    # What belongs to another make, environment or target must not reach this one.
    dropped = ("MAKE", "MFLAGS", "VIRTUAL_ENV", "SLIPWAY_TARGET", "GIT_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return run_program(
        ["make", "--no-print-directory", target, f"UV={uv}", f"PYTHON={sys.executable}"], environment, cwd=folder
    )


def count_files(folder: Path) -> tuple[int, int]:
    """Return how many files a project has and how many lines they have, without locks, the wheel, data and git's own."""
    files = [
        path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and _is_counted(path, folder)
    ]
    return len(files), sum(len(path.read_bytes().splitlines()) for path in files)


def _is_counted(path: Path, folder: Path) -> bool:
    inside = path.relative_to(folder)
    return inside.parts[0] not in (".git", VENDOR, "data") and path.suffix != ".lock"


@contextmanager
def _staging_folder(folder: Path) -> Iterator[Path]:
    """Yield the path of a new folder beside ``folder``; whatever is left of it at the end is removed."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as staging:
            yield Path(staging, "project")
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror or error}; nothing was kept") from None


def _commit_all(folder: Path) -> None:
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    known = run(folder, "var", "GIT_COMMITTER_IDENT").returncode == 0
    git(folder, *(() if known else _STAND_IN), "commit", "--quiet", "--message", FIRST_COMMIT)


def _link(link: Path, target: Path) -> None:
    if link.exists() and not link.is_symlink():
        return  # the project's own file or folder
    link.unlink(missing_ok=True)
    link.symlink_to(target)
