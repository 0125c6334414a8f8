"""Read ``release.json`` of a sealed bundle, and verify the bundle's files against the digests in it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from slipway.errors import BundleError, NotFoundError
from slipway.storage.digests import file_digest

FORMAT = 1
"""Goes up when a field changes or disappears; new fields do not need it, since older versions ignore unknown ones."""
OLDEST_FORMAT = 1
"""Releases of every format from this one on are still served and rolled back to."""
RELEASE_FILE = "release.json"
_CHUNK = 1 << 20
_FOLDER_NAME = re.compile(r"(?P<version>.+)-(?P<digest>[0-9a-f]{12})")


class StepRecord(msgspec.Struct, frozen=True):
    """What one step of the pipeline produced: its scores, and the sha256 of each of its files."""

    scores: dict[str, float]
    files: dict[str, str]


class BuildRecord(msgspec.Struct, frozen=True):
    """What a release was built from and what each step produced, with which a rebuild is compared.

    ``settings`` are the values in ``slipway.toml`` as JSON, by name; ``locks`` are the digests of the lock files.
    """

    settings: dict[str, str]
    locks: dict[str, str]
    steps: dict[str, StepRecord]


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Content of ``release.json``: version, commit, data, scores, verdict, and the sha256 of every other file.

    The digest of this file identifies the bundle, so a signature over it covers every byte of the release.
    """

    format: int
    name: str
    version: str
    commit: str
    engine: str
    data: dict[str, str]
    lock_digest: str
    split: dict[str, Any]
    scores: dict[str, float]
    verdict: dict[str, Any]
    files: dict[str, str]
    overrides: tuple[str, ...] = ()
    """Settings that ``--set`` changed for this run; only a pre-release can have any."""
    components: dict[str, dict[str, str]] = {}
    """The repository, version and commit of each component that came from another repository."""
    build: BuildRecord | None = None
    """None in a bundle that an earlier version of Slipway sealed."""


class Bundle(msgspec.Struct, frozen=True):
    """A verified bundle: its resolved folder, the sha256 of its ``release.json``, and the parsed file."""

    path: Path
    digest: str
    release: Release


class GoldenRows(msgspec.Struct, frozen=True):
    """Input rows with the release's predictions for them; every place that serves the release must reproduce these."""

    inputs: dict[str, list[int | float | str | bool | None]]
    predictions: list[list[float] | float]
    labels: list[str] | None = None


class _Format(msgspec.Struct):
    format: int


def folder_name(version: str, digest: str) -> str:
    """The name of a bundle's folder inside ``releases/``: version and start of the digest."""
    return f"{version}-{digest[:12]}"


def digest_in_name(folder: Path) -> str | None:
    """The start of the digest in the name of a folder inside ``releases/``; None if the name has none."""
    match = _FOLDER_NAME.fullmatch(folder.name)
    return match["digest"] if match else None


def bundle_digest(folder: Path) -> str:
    """The digest that identifies a bundle: the sha256 of its ``release.json``.

    Raises:
        NotFoundError: the folder contains no bundle.
    """
    return hashlib.sha256(_release_bytes(folder)).hexdigest()


def verify(folder: Path, *, expected_digest: str | None = None) -> Bundle:
    """Check every file of a bundle (or of the one that a link points to) against its sealed digest.

    ``expected_digest`` is the bundle's digest, or the start of it, if another source states it.

    Raises:
        NotFoundError: the folder contains no bundle.
        BundleError: a file is missing, extra, changed or a link, or ``release.json`` is not the expected one.
    """
    return verify_and_read(folder, (), expected_digest=expected_digest)[0]


def verify_and_read(
    folder: Path, names: Collection[str], *, expected_digest: str | None = None
) -> tuple[Bundle, dict[str, bytes]]:
    """Verify a bundle as ``verify`` does, and return the hashed bytes of the files in ``names``.

    These bytes cannot have changed since the check. Names that ``release.json`` does not list are left out.
    """
    folder = folder.resolve()
    text = _release_bytes(folder)
    digest = hashlib.sha256(text).hexdigest()
    # Folder names contain 12 digits; a shorter prefix could match another bundle by chance.
    if expected_digest is not None and (len(expected_digest) < 12 or not digest.startswith(expected_digest)):
        raise BundleError(
            f"{folder / RELEASE_FILE}: expected a sha256 that begins with {expected_digest}, got {digest}"
        )
    release = decode_release(text, str(folder / RELEASE_FILE))
    _check_names(folder, release.files)
    kept = {name: _verify_file(folder, name, sealed, name in names) for name, sealed in release.files.items()}
    return Bundle(folder, digest, release), {name: content for name, content in kept.items() if content is not None}


def decode_release(text: bytes, origin: str) -> Release:
    """Parse ``release.json``.

    Raises:
        BundleError: the file is malformed, or has a format that this version of Slipway does not read.
    """
    try:
        # The number alone is decoded first, so that a file of a later format gets this message and no decode error.
        found = msgspec.json.decode(text, type=_Format).format
        if not OLDEST_FORMAT <= found <= FORMAT:
            known = f"format {FORMAT}" if OLDEST_FORMAT == FORMAT else f"formats {OLDEST_FORMAT} to {FORMAT}"
            upgrade = "upgrade Slipway on this host first, and then where models are trained; nothing was changed"
            raise BundleError(
                f"{origin} has bundle format {found}, but this version of Slipway reads {known}; "
                f"{upgrade if found > FORMAT else 'release it again to use it'}"
            )
        return msgspec.json.decode(text, type=Release)
    except msgspec.DecodeError as error:
        raise BundleError(f"{origin} is malformed or truncated: {error}; download or build the bundle again") from None


def decode_golden(text: bytes, origin: str) -> GoldenRows:
    """Parse ``golden.json``.

    Raises:
        BundleError: the file is malformed.
    """
    try:
        return msgspec.json.decode(text, type=GoldenRows)
    except msgspec.DecodeError as error:
        raise BundleError(f"{origin} is malformed: {error}") from None


def _release_bytes(folder: Path) -> bytes:
    path = folder / RELEASE_FILE
    if path.is_symlink():
        raise BundleError(f"{path} is a link; a bundle can contain only plain files")
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFoundError(f"no bundle at {folder}: {RELEASE_FILE} cannot be read ({error.strerror})") from None


def _check_names(folder: Path, files: Mapping[str, str]) -> None:
    present = {name for name in _files_in(folder, folder) if name != RELEASE_FILE}
    missing, extra = sorted(files.keys() - present), sorted(present - files.keys())
    if missing:
        sealed = files[missing[0]]
        raise BundleError(f"'{missing[0]}' is missing in {folder}: sealed sha256 {sealed}{_others_clause(missing)}")
    if extra:
        actual = file_digest(folder / extra[0])
        raise BundleError(
            f"'{extra[0]}' in {folder} is not listed in {RELEASE_FILE}: its sha256 is {actual}{_others_clause(extra)}"
        )


def _others_clause(names: list[str]) -> str:
    return f"; and {len(names) - 1} more" if len(names) > 1 else ""


def _files_in(folder: Path, top: Path) -> Iterator[str]:
    for entry in os.scandir(folder):
        name = Path(entry.path).relative_to(top).as_posix()
        if entry.is_dir(follow_symlinks=False):
            yield from _files_in(Path(entry.path), top)
        elif entry.is_file(follow_symlinks=False):
            yield name
        else:
            # A link could point to bytes outside the bundle, which can change after the check.
            raise BundleError(f"'{name}' in {top} is a link or a device; a bundle can contain only plain files")


def _verify_file(folder: Path, name: str, sealed: str, keep: bool) -> bytes | None:
    digest, content = hashlib.sha256(), bytearray()
    try:
        with (folder / name).open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                if keep:
                    content += chunk
    except OSError as error:
        raise BundleError(f"'{name}' in {folder} cannot be read: {error.strerror}") from None
    if (actual := digest.hexdigest()) != sealed:
        raise BundleError(f"'{name}' in {folder} has changed: sealed sha256 {sealed}, now {actual}")
    return bytes(content) if keep else None


def engine_name(model: Path) -> str:
    """The engine that a model directory needs: "onnx" if the model was compiled, else "skops".

    Raises:
        BundleError: the directory contains no model, or two.
    """
    found = [name for name in ("onnx", "skops") if (model / f"model.{name}").is_file()]
    if len(found) != 1:
        count = "both" if found else "neither"
        raise BundleError(f"{model} must contain either model.onnx or model.skops; it contains {count}")
    return found[0]


def version_in_name(folder: str) -> str:
    """The version in the name of a release folder."""
    return folder.rpartition("-")[0] or folder
