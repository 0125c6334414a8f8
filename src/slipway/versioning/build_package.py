"""Build the wheel and the source archive of a release reproducibly: the same tag always gives the same bytes."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

import tomlkit

from slipway.errors import ReleaseError, StorageError
from slipway.storage import atomic
from slipway.storage.archives import extract
from slipway.versioning.commit_types import PROJECT_FILE
from slipway.versioning.git.checkout import checkout_at
from slipway.versioning.git.command import git, last_line, plain_environment
from slipway.versioning.semver import is_release_tag


def build_package(path: Path, out: Path, tag: str = "") -> list[Path]:
    """Build the wheel and the source archive into ``out`` and return both files.

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
        _stamp(source / PROJECT_FILE, tag[1:])
        built = _build(source, Path(folder), time)
        for package in built:
            _check_version(package, tag[1:])
        return [_keep(package, out) for package in built]


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


def _stamp(project: Path, version: str) -> None:
    document = tomlkit.parse(project.read_text(encoding="utf-8"))
    document["project"]["version"] = version
    project.write_text(tomlkit.dumps(document), encoding="utf-8")


def _build(source: Path, out: Path, time: str) -> list[Path]:
    # --no-isolation: the build backend of our locked environment, not a newer one that `build` would download.
    command = [sys.executable, "-I", "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    # All that can vary between two builds: https://reproducible-builds.org/docs/source-date-epoch/
    environment = {**plain_environment(), "SOURCE_DATE_EPOCH": time, "PYTHONHASHSEED": "0", "TZ": "UTC"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise ReleaseError(f"the package could not be built: {_reason(done.stdout + done.stderr)}; nothing was kept")
    return sorted(out.iterdir())


def _reason(output: str) -> str:
    """Return the build backend's own error if there is one; the last line only says that the build failed."""
    raised = [line for line in output.splitlines() if re.match(r"[\w.]*(Error|Exception): ", line)]
    return last_line(raised[-1] if raised else output)


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


def _keep(package: Path, out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{out} cannot be created: {error.strerror}; no package was kept") from None
    atomic.write_file(out / package.name, package.read_bytes())
    return out / package.name
