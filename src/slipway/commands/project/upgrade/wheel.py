"""The library's wheel of another version: found, checked, and read without being installed."""

from __future__ import annotations

import os
import re
import sys
import zipfile
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from semver import Version

from slipway.__about__ import DISTRIBUTION
from slipway.errors import UpgradeError
from slipway.versioning.git.command import last_line, run_program
from slipway.versioning.library_wheel import VENDOR, WHEEL_PATTERN

_TEMPLATE = "slipway/template/"
_CHANGELOG = "slipway/CHANGELOG.md"
_HEADING = re.compile(r"##\s+v?(?P<version>\d+\.\d+\.\d+)\b.*")


@dataclass(frozen=True)
class LibraryWheel:
    """A wheel of slipway-ml and the version in its metadata."""

    file: Path
    version: str


def open_wheel(file: Path) -> LibraryWheel:
    """Read the version of a wheel of the library.

    Raises:
        UpgradeError: the file is missing or damaged, or is not a wheel of slipway-ml.
    """
    try:
        with zipfile.ZipFile(file) as wheel:
            name = next(name for name in wheel.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
            metadata = HeaderParser().parsestr(wheel.read(name).decode())
    except (OSError, zipfile.BadZipFile, StopIteration, UnicodeDecodeError):
        raise UpgradeError(f"{file} cannot be read as a wheel; nothing was changed") from None
    if metadata["Name"] != DISTRIBUTION:
        raise UpgradeError(f"{file} is a wheel of {metadata['Name']} and not of {DISTRIBUTION}; nothing was changed")
    return LibraryWheel(file.absolute(), str(metadata["Version"]))


def download_wheel(root: Path, version: str, into: Path) -> LibraryWheel:
    """Download a version, by default the newest one, with pip and its own settings.

    Raises:
        UpgradeError: pip is not installed, the index cannot be reached, or it has no such version.
    """
    wanted = f"{DISTRIBUTION}=={version}" if version else DISTRIBUTION
    # An environment that uv made has no pip; the one that `make setup` installs uv with has.
    for python in (root / ".uv" / "bin" / "python", Path(sys.executable)):
        if python.exists() and not run_program([str(python), "-m", "pip", "--version"], os.environ).returncode:
            break
    else:
        raise UpgradeError("pip is not installed; run `make setup`, or give the wheel by --wheel; nothing was changed")
    options = ("--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(into))
    done = run_program([str(python), "-m", "pip", "download", *options, wanted], os.environ)
    found = sorted(into.glob(WHEEL_PATTERN))
    if done.returncode or not found:
        raise UpgradeError(
            f"{wanted} cannot be downloaded: {last_line(done.stderr)}; check the network and pip's index, or give the "
            "wheel by --wheel; nothing was changed"
        )
    return open_wheel(found[0])


def find_wheel(root: Path, version: str, into: Path) -> LibraryWheel:
    """Return the wheel of a version that a project has in ``vendor/``, or else download it."""
    for file in (root / VENDOR).glob(WHEEL_PATTERN):
        if file.name.split("-")[1] == version:
            return open_wheel(file)
    return download_wheel(root, version, into)


def unpack_template(wheel: LibraryWheel, into: Path) -> Path:
    """Unpack the template of a wheel and return its folder."""
    with zipfile.ZipFile(wheel.file) as files:
        files.extractall(into, [name for name in files.namelist() if name.startswith(_TEMPLATE)])
    return into / _TEMPLATE


def read_news(wheel: LibraryWheel, before: str) -> list[str]:
    """Return the lines of the library's changelog for the versions after ``before``; none if the wheel has no changelog."""
    with zipfile.ZipFile(wheel.file) as files:
        names = files.namelist()
        lines = files.read(_CHANGELOG).decode(errors="replace").splitlines() if _CHANGELOG in names else []
    news, wanted = [], False
    for line in lines:
        if heading := _HEADING.fullmatch(line):
            wanted = is_newer(heading["version"], before)
        elif wanted and line[:2] in ("- ", "* "):
            news.append(line[2:].strip())
    return news


def is_newer(version: str, than: str) -> bool:
    """Return whether a version is later than another one; builds of the same version are in no order."""
    return parse_version(version) > parse_version(than)


def parse_version(text: str) -> Version:
    """Parse a version of the library.

    Raises:
        UpgradeError: it is not of the form X.Y.Z.
    """
    try:
        return Version.parse(text)
    except ValueError:
        raise UpgradeError(f"{text[:80]!r} is not a version such as 1.4.0; nothing was changed") from None
