"""The sealed bundle: what ``release.json`` says, and whether the bytes on disk are still the ones it names."""

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
RELEASE_FILE = "release.json"
_CHUNK = 1 << 20
_FOLDER_NAME = re.compile(r"(?P<version>.+)-(?P<digest>[0-9a-f]{12})")


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """What was released: the version, where it came from, what the gate said, and the sha256 of every other file."""

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
    """Settings that were changed by ``--set`` for this one run: only a pre-release has any."""


class Bundle(msgspec.Struct, frozen=True):
    """A verified bundle: its real folder, the sha256 of its ``release.json``, and what that file says."""

    path: Path
    digest: str
    release: Release


class GoldenRows(msgspec.Struct, frozen=True):
    """Input rows with the predictions that the release made for them, to be made again wherever it serves."""

    inputs: dict[str, list[int | float | str | bool | None]]
    predictions: list[list[float] | float]
    labels: list[str] | None = None


class _Format(msgspec.Struct):
    format: int


def folder_name(version: str, digest: str) -> str:
    """The name of a bundle's folder inside ``releases/``."""
    return f"{version}-{digest[:12]}"


def digest_in_name(folder: Path) -> str | None:
    """The start of the digest that a folder inside ``releases/`` carries in its name, if it carries one."""
    match = _FOLDER_NAME.fullmatch(folder.name)
    return match["digest"] if match else None


def bundle_digest(folder: Path) -> str:
    """The digest that names a whole bundle: the sha256 of its ``release.json``.

    Raises:
        NotFoundError: there is no bundle in the folder.
    """
    return hashlib.sha256(_release_bytes(folder)).hexdigest()


def verify(folder: Path, *, expected_digest: str | None = None) -> Bundle:
    """Check every byte of a bundle (or of the one that a link leads to) against what was sealed.

    ``expected_digest`` is the bundle's digest, or the start of it, where another source names it.

    Raises:
        NotFoundError: there is no bundle in the folder.
        BundleError: a file is missing, extra, changed or a link, or ``release.json`` is not the expected one.
    """
    return verify_and_read(folder, (), expected_digest=expected_digest)[0]


def verify_and_read(
    folder: Path, names: Collection[str], *, expected_digest: str | None = None
) -> tuple[Bundle, dict[str, bytes]]:
    """Like ``verify``, and hand back the very bytes of the named files that were hashed.

    What is loaded from these bytes cannot have changed since the check. Names that are not listed are left out.
    """
    folder = folder.resolve()
    text = _release_bytes(folder)
    digest = hashlib.sha256(text).hexdigest()
    if expected_digest is not None and (len(expected_digest) < 12 or not digest.startswith(expected_digest)):
        raise BundleError(f"{folder / RELEASE_FILE} has the sha256 {digest} but {expected_digest} was expected")
    release = decode_release(text, str(folder / RELEASE_FILE))
    _check_names(folder, release.files)
    kept = {name: _verify_file(folder, name, sealed, name in names) for name, sealed in release.files.items()}
    return Bundle(folder, digest, release), {name: content for name, content in kept.items() if content is not None}


def decode_release(text: bytes, origin: str) -> Release:
    """Parse ``release.json``.

    Raises:
        BundleError: it is malformed, or of a format that this Slipway does not know.
    """
    try:
        known = msgspec.json.decode(text, type=_Format).format
        if known != FORMAT:
            raise BundleError(
                f"{origin} is of bundle format {known} but this Slipway reads format {FORMAT}; "
                f"{'upgrade Slipway' if known > FORMAT else 'release it again'} to use it"
            )
        return msgspec.json.decode(text, type=Release)
    except msgspec.DecodeError as error:
        raise BundleError(f"{origin} is malformed or truncated: {error}; fetch or build the bundle again") from None


def decode_golden(text: bytes, origin: str) -> GoldenRows:
    """Parse ``golden.json``.

    Raises:
        BundleError: it is malformed.
    """
    try:
        return msgspec.json.decode(text, type=GoldenRows)
    except msgspec.DecodeError as error:
        raise BundleError(f"{origin} is malformed: {error}") from None


def _release_bytes(folder: Path) -> bytes:
    path = folder / RELEASE_FILE
    if path.is_symlink():
        raise BundleError(f"{path} is a link; a bundle holds only plain files")
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"there is no bundle at {folder}: {RELEASE_FILE} cannot be read ({error.strerror})"
        ) from None


def _check_names(folder: Path, files: Mapping[str, str]) -> None:
    present = {name for name in _files_in(folder, folder) if name != RELEASE_FILE}
    missing, extra = sorted(files.keys() - present), sorted(present - files.keys())
    if missing:
        sealed = files[missing[0]]
        raise BundleError(
            f"{folder} lacks '{missing[0]}', which was sealed with the sha256 {sealed}{_others_clause(missing)}"
        )
    if extra:
        came = file_digest(folder / extra[0])
        raise BundleError(
            f"{folder} holds '{extra[0]}' (sha256 {came}), which {RELEASE_FILE} does not list{_others_clause(extra)}"
        )


def _others_clause(names: list[str]) -> str:
    return f"; {len(names) - 1} more like it" if len(names) > 1 else ""


def _files_in(folder: Path, top: Path) -> Iterator[str]:
    for entry in os.scandir(folder):
        name = Path(entry.path).relative_to(top).as_posix()
        if entry.is_dir(follow_symlinks=False):
            yield from _files_in(Path(entry.path), top)
        elif entry.is_file(follow_symlinks=False):
            yield name
        else:
            raise BundleError(f"{top} holds '{name}', which is a link or a device; a bundle holds only plain files")


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
    if (came := digest.hexdigest()) != sealed:
        raise BundleError(f"'{name}' in {folder} has changed: its sha256 is {came} but {sealed} was sealed")
    return bytes(content) if keep else None


def engine_name(model: Path) -> str:
    """Which engine a model directory needs: "onnx" where the model was compiled, else "skops".

    Raises:
        BundleError: there is no model in it, or there are two.
    """
    found = [name for name in ("onnx", "skops") if (model / f"model.{name}").is_file()]
    if len(found) != 1:
        raise BundleError(f"{model} must hold model.onnx or model.skops, and only one of them; it holds {len(found)}")
    return found[0]


def version_in_name(folder: str) -> str:
    """The version in a release folder's name."""
    return folder.rpartition("-")[0] or folder
