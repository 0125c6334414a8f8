"""Build the packages of a release reproducibly: the same tag always gives the same bytes."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

from slipway.__about__ import DISTRIBUTION
from slipway.errors import ReleaseError
from slipway.storage.archives import extract
from slipway.versioning.commit_types import PROJECT_FILE
from slipway.versioning.git.checkout import checkout_at
from slipway.versioning.git.command import git
from slipway.versioning.library_wheel import SOURCE, VENDOR, WHEEL_PATTERN, build_library, version_at
from slipway.versioning.reproducible_build import build_reproducibly, keep_package, stamp_version
from slipway.versioning.semver import is_release_tag


def build_package(path: Path, out: Path, tag: str = "") -> list[Path]:
    """Build the wheel and the source archive into ``out``, add the wheel of the library, and return the files.

    The library's wheel is the one in the release's ``vendor/``, or it is built where the release has the library's
    source; a release that takes the library from an index has none.

    They are built from a clean export of the tag, by default the one at HEAD. The version is taken
    from the tag even if the branch contains no version. Timestamps are the commit's, and the build backend is the locked
    one.

    Raises:
        ReleaseError: the tag does not exist, or the build failed.
        StorageError: the files cannot be written.
    """
    checkout = checkout_at(path)
    tag = tag or checkout.tag
    if not is_release_tag(tag):
        raise ReleaseError(f"{checkout.root} is not at a release tag, so no package was built; check out vX.Y.Z")
    time = git(checkout.root, "log", "-1", "--format=%ct", f"refs/tags/{tag}^{{commit}}")
    with _export(checkout.root, tag) as source, tempfile.TemporaryDirectory(prefix="slipway-package-") as folder:
        stamp_version(source / PROJECT_FILE, tag[1:])
        built = build_reproducibly(source, Path(folder), time)
        for package in built:
            _check_version(package, tag[1:])
        built += sorted((source / VENDOR).glob(WHEEL_PATTERN)) or _build_library(
            checkout.root, source, tag, Path(folder), time
        )
        return [keep_package(package.name, package.read_bytes(), out) for package in built]


def _build_library(root: Path, source: Path, tag: str, out: Path, time: str) -> list[Path]:
    library = source / SOURCE
    if not (library / PROJECT_FILE).is_file():
        return []
    version = version_at(root, source / SOURCE, tag)
    return [build_library(library, version, time, out / DISTRIBUTION)]


@contextmanager
def _export(root: Path, tag: str) -> Iterator[Path]:
    """Export only the files of the tag, with the modification time of its commit."""
    with tempfile.TemporaryDirectory(prefix="slipway-source-") as folder:
        archive = Path(folder, "source.tar")
        git(root, "archive", "--format=tar", "-o", str(archive), f"refs/tags/{tag}")
        source = Path(folder, "source")
        with tarfile.open(archive) as files:
            extract(files, source)
        yield source


def _check_version(package: Path, version: str) -> None:
    found = HeaderParser().parsestr(_metadata(package))["Version"]
    if found != version:
        raise ReleaseError(f"{package.name} has version {found}, but the tag has {version}; nothing was kept")


def _metadata(package: Path) -> str:
    if package.suffix == ".whl":
        with ZipFile(package) as wheel:
            name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
            return wheel.read(name).decode()
    with tarfile.open(package) as archive:
        name = next(name for name in archive.getnames() if name.count("/") == 1 and name.endswith("/PKG-INFO"))
        found = archive.extractfile(name)
        return found.read().decode() if found else ""
