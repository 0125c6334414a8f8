"""Build the wheel and the source archive of a release of the library, reproducibly."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from slipway.errors import ReleaseError
from slipway.versioning.git.checkout import list_changes
from slipway.versioning.git.command import git
from slipway.versioning.library_wheel import LIBRARY_TAG, SOURCE, version_at
from slipway.versioning.reproducible_build import build_reproducibly, keep_package


def build_packages(root: Path, tag: str, out: Path) -> list[Path]:
    """Build the checkout of a library's tag into ``out`` and return the wheel and the source archive.

    Raises:
        ReleaseError: the tag is not checked out, there are changes, or the build failed.
        StorageError: the files cannot be written.
    """
    version = version_at(root, root / SOURCE, "HEAD")
    if f"{LIBRARY_TAG}{version}" != tag:
        raise ReleaseError(f"{tag} is not checked out in {root}, where the library is at {version}; nothing was built")
    if names := list_changes(root):
        raise ReleaseError(f"{root} has changes that are not in {tag} ({names}); nothing was built")
    time = git(root, "log", "-1", "--format=%ct", "HEAD")
    with tempfile.TemporaryDirectory(prefix="slipway-library-") as folder:
        copy = Path(folder, "source")
        # Without `symlinks=True`, so the copy holds the template's files and not its links.
        shutil.copytree(root / SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        built = build_reproducibly(copy, Path(folder, "dist"), time)
        return [keep_package(package.name, package.read_bytes(), out) for package in built]
