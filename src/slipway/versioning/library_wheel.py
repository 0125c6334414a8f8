"""The wheel of the installed library: built from its source, or put together again from the installed files."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.metadata
import io
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import slipway
from slipway.__about__ import DISTRIBUTION, installed_version
from slipway.errors import ReleaseError
from slipway.storage.digests import digest_of, file_digest
from slipway.versioning.git.command import git, run
from slipway.versioning.reproducible_build import build_reproducibly, keep_package, stamp_version

LIBRARY_TAG = f"{DISTRIBUTION}-v"
"""What the tag of a release of the library begins with; ``v1.2.3`` alone is a release of a project."""
WHEEL_PATTERN = f"{DISTRIBUTION.replace('-', '_')}-*.whl"
VENDOR = "vendor"
"""The folder of a project that has the library's wheel."""
SOURCE = "src"
"""The folder of the library's source, where a repository has it."""
_INSTALLERS_OWN = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json", "uv_build.json")
_NO_COMMIT = "315532800"  # the same time as _EPOCH, in Unix seconds
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can store


def source_folder() -> Path | None:
    """Return the folder that the library is built from, with its pyproject.toml; None if it runs from a wheel."""
    folder = Path(slipway.__path__[0]).parent
    return folder if (folder / "pyproject.toml").is_file() else None


def write_library_wheel(out: Path) -> Path:
    """Write the wheel of the library that runs into the folder ``out`` and return the file.

    A library that runs from its source is built. An installed library's wheel is put together again from the installed
    files, which must have the digests in its RECORD.

    Raises:
        ReleaseError: the build failed, or an installed file is missing or was changed.
        StorageError: the wheel cannot be written.
    """
    source = source_folder()
    return _repack(out) if source is None else _build(source, out)


def build_library(source: Path, version: str, time: str, out: Path) -> Path:
    """Build the wheel of the library's ``source`` under this version into ``out``; ``time`` is in Unix seconds.

    Raises:
        ReleaseError: the build failed.
        StorageError: the wheel cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-library-") as folder:
        copy, built = Path(folder, "source"), Path(folder, "dist")
        # Without `symlinks=True`, so the copy holds the template's files and not its links.
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        stamp_version(copy / "pyproject.toml", version)
        (wheel,) = build_reproducibly(copy, built, time, "--wheel")
        return keep_package(wheel.name, wheel.read_bytes(), out)


def version_at(root: Path, source: Path, commit: str) -> str:
    """Return the version of the library's ``source`` at a commit of the repository ``root``.

    It is a local version, such as ``1.4.0+g1a2b3c4``, unless the commit is the library's release of that version:
    https://packaging.python.org/en/latest/specifications/version-specifiers/.
    """
    version = str(tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])
    tags = git(root, "tag", "--points-at", commit).split()
    if f"{LIBRARY_TAG}{version}" in tags:
        return version
    return f"{version}+g{git(root, 'rev-parse', '--short=7', f'{commit}^{{commit}}')}"


def _version_of(source: Path) -> str:
    """Return the version of the source that runs: with a digest of its content after any change that is not committed."""
    if run(source, "rev-parse", "--verify", "--quiet", "HEAD").returncode:
        return installed_version()  # no repository: an unpacked source archive
    version = version_at(source, source, "HEAD")
    if not git(source, "status", "--porcelain", "--", *map(str, source_paths(source))):
        return version
    return f"{version}{'.' if '+' in version else '+'}d{_content_digest(source)[:8]}"


def source_paths(source: Path) -> Iterator[Path]:
    """Yield what the wheel is made of: the source, and the files elsewhere that the template links to."""
    yield source
    yield from (path.resolve() for path in sorted((source / "slipway" / "template").rglob("*")) if path.is_symlink())


def _content_digest(source: Path) -> str:
    files = (path for path in sorted(source.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return digest_of({str(path.relative_to(source)): file_digest(path) for path in files})


def _build(source: Path, out: Path) -> Path:
    time = run(source, "log", "-1", "--format=%ct").stdout.strip() or _NO_COMMIT
    return build_library(source, _version_of(source), time, out)


def _repack(out: Path) -> Path:
    installed = importlib.metadata.distribution(DISTRIBUTION)
    files = [file for file in installed.files or () if _is_part_of_the_wheel(file)]
    record = next(file for file in installed.files or () if file.name == "RECORD")
    content = io.BytesIO()
    rows: list[tuple[str, str, int | str]] = []
    with ZipFile(content, "w", ZIP_DEFLATED) as wheel:
        for file in sorted(files, key=str):
            data = _read_installed(file)
            rows.append((str(file), f"sha256={_encode_digest(data)}", len(data)))
            wheel.writestr(_zip_entry(str(file)), data)
        wheel.writestr(_zip_entry(str(record)), _encode_rows([*rows, (str(record), "", "")]))
    name = f"{DISTRIBUTION.replace('-', '_')}-{installed_version()}-py3-none-any.whl"
    return keep_package(name, content.getvalue(), out)


def _is_part_of_the_wheel(file: importlib.metadata.PackagePath) -> bool:
    # Scripts are outside of the package's folder, and bytecode was compiled here.
    return ".." not in file.parts and file.suffix != ".pyc" and file.name not in _INSTALLERS_OWN


def _read_installed(file: importlib.metadata.PackagePath) -> bytes:
    try:
        data = Path(str(file.locate())).read_bytes()
    except OSError as error:
        raise ReleaseError(
            f"{file} of the installed {DISTRIBUTION} cannot be read: {error.strerror}; install it again"
        ) from None
    if file.hash is not None and file.hash.value != _encode_digest(data):
        raise ReleaseError(
            f"{file} of the installed {DISTRIBUTION} was changed after it was installed; install it again"
        )
    return data


def _encode_digest(data: bytes) -> str:
    """Encode a SHA-256 as RECORD does: https://packaging.python.org/en/latest/specifications/recording-installed-packages/."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _encode_rows(rows: list[tuple[str, str, int | str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _zip_entry(name: str) -> ZipInfo:
    entry = ZipInfo(name, _EPOCH)
    entry.compress_type, entry.external_attr = ZIP_DEFLATED, 0o644 << 16
    return entry
