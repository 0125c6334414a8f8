"""Start an upgrade: choose the wheel, and decide which version performs it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from slipway.__about__ import installed_version
from slipway.commands.project.template_values import read_values
from slipway.commands.project.upgrade.handover import hand_over, install
from slipway.commands.project.upgrade.upgrade import Upgraded, upgrade
from slipway.commands.project.upgrade.wheel import (
    LibraryWheel,
    download_wheel,
    find_wheel,
    is_newer,
    open_wheel,
    parse_version,
)
from slipway.commands.project.upgrade.worktree import (
    BRANCH,
    clean_up,
    kept_project,
    upgrade_lock,
    waiting_branch,
)
from slipway.errors import UpgradeError
from slipway.reporting.progress import Progress
from slipway.versioning.git.command import run


@contextmanager
def choose_wheel(root: Path, version: str, file: Path | None) -> Iterator[tuple[LibraryWheel, Path]]:
    """Yield the wheel to upgrade to, and a temporary folder: the given file, that of a kept upgrade, or from the index.

    Raises:
        UpgradeError: the project is not in a git repository, or there is no such wheel.
    """
    if version:
        parse_version(version)
    read_values(root)
    if run(root, "rev-parse", "--verify", "--quiet", "HEAD").returncode:
        raise UpgradeError(f"{root} is not in a git repository with a commit, so an upgrade could not be undone")
    with tempfile.TemporaryDirectory(prefix="slipway-upgrade-") as name:
        folder, kept = Path(name), waiting_branch(root).removeprefix(BRANCH)
        if file is not None:
            wheel = open_wheel(file)
        elif kept and version in ("", kept):
            wheel = find_wheel(kept_project(root), kept, folder)
        else:
            wheel = download_wheel(root, version, folder)
        if version and wheel.version != version:
            raise UpgradeError(f"{wheel.file.name} is version {wheel.version} and not {version}; nothing was changed")
        yield wheel, folder


def hand_over_or_upgrade(
    root: Path, wheel: LibraryWheel, folder: Path, arguments: Sequence[str], *,
    continued: bool, tests: bool, propose: bool, progress: Progress,
) -> Upgraded | int:  # fmt: skip
    """Upgrade, if this is the version to upgrade to; or else let that version do it, and return its exit code.

    Raises:
        UpgradeError: the version is not newer than the project's.
    """
    with upgrade_lock(root):
        clean_up(root)
    current = read_values(root).slipway_version
    if wheel.version == current or is_newer(current, wheel.version):
        raise UpgradeError(
            f"this project uses slipway-ml {current}, and {wheel.version} is not newer; nothing was changed"
        )
    if continued or wheel.version == installed_version():
        return upgrade(root, wheel, tests=tests, propose=propose, progress=progress)
    with progress.step_timer(f"installing slipway-ml {wheel.version}"):
        python = install(root, wheel, folder)
    return hand_over(python, wheel, arguments)
