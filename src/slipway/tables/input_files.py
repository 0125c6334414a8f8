"""Find the input files of a job (a file, folder, glob or URI) and identify each by its content."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from slipway.errors import DataError, SettingsError

FORMATS = {
    ".csv": "csv", ".csv.gz": "csv", ".jsonl": "json", ".jsonl.gz": "json", ".ndjson": "json", ".ndjson.gz": "json",
    ".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow",
}  # fmt: skip


class LocalFile:
    """A file on this machine with fsspec's interface, but without importing fsspec, which takes 0.1 s."""

    def isfile(self, path: str) -> bool:
        """Return whether the file exists."""
        return Path(path).is_file()

    def info(self, path: str) -> dict[str, int]:
        """Return its size, and the time and inode that show whether it was replaced or changed."""
        found = Path(path).stat()
        return {"size": found.st_size, "mtime": found.st_mtime_ns, "ino": found.st_ino}

    def open(self, path: str, mode: str) -> IO[Any]:
        """Open the file."""
        return Path(path).open(mode)

    def invalidate_cache(self) -> None:
        """Do nothing, since nothing is cached."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """One input file: its name within IN, its location and size, and what identifies its content (SHA-256 or etag)."""

    name: str
    path: str
    filesystem: Any
    bytes: int
    identity: Mapping[str, str]
    fingerprint: tuple[str, ...]

    @property
    def format(self) -> str:
        """The format: csv, json, parquet or arrow."""
        return _format(self.path) or ""

    @property
    def zipped(self) -> bool:
        """Whether its text is compressed with gzip."""
        return self.path.lower().endswith(".gz")

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return _is_local(self.filesystem)

    def open(self) -> pa.NativeFile:
        """Open the file for reading bytes."""
        # Not a Python file: if a thread of pyarrow still reads one when the process exits, the process aborts.
        if self.is_local:
            return pa.OSFile(self.path)
        return pa.PythonFile(self.filesystem.open(self.path, "rb"), "r")

    def has_changed(self) -> bool:
        """Return whether the file was replaced or changed since it was identified, by its size, time and etag."""
        self.filesystem.invalidate_cache()
        return _fingerprint(self.filesystem.info(self.path)) != self.fingerprint

    def manifest_entry(self) -> dict[str, Any]:
        """Return the entry of this file in a manifest."""
        return {"name": self.name, "bytes": self.bytes, **self.identity}


def find_inputs(source: str) -> list[InputFile]:
    """Return the files of IN in the order of their names; folders and globs skip hidden ones (``.x``, ``_x``).

    Raises:
        DataError: there is no such file, or one cannot be read.
        SettingsError: the suffix of a named file is unknown, or no installed library supports the URI's scheme.
    """
    files, path = _file_system(source)
    try:
        found = _list_files(files, path, source)
        return [_input(files, name, location) for name, location in found]
    except (OSError, ValueError) as error:
        raise DataError(f"{source} cannot be read: {error}; nothing was written") from None


def local_folder(source: str) -> Path | None:
    """Return the local folder that IN names, or None if it is not one."""
    files, path = _file_system(source)
    return Path(path).resolve() if _is_local(files) and Path(path).is_dir() else None


def _is_local(files: Any) -> bool:
    if isinstance(files, LocalFile):
        return True
    from fsspec.implementations.local import LocalFileSystem

    return isinstance(files, LocalFileSystem)


def _file_system(source: str) -> tuple[Any, str]:
    # Not `Path.is_file`, which raises an error if a URL is too long for a file name.
    if os.path.isfile(source):  # noqa: PTH113
        return LocalFile(), str(Path(source).absolute())
    import fsspec

    try:
        files, path = fsspec.core.url_to_fs(source)
    except (ImportError, ValueError) as error:
        raise SettingsError(f"{source} cannot be read: {error}") from None
    return files, str(path)


def _list_files(files: Any, path: str, source: str) -> list[tuple[str, str]]:
    if files.isfile(path):
        if _format(path) is None:
            raise SettingsError(f"{source}: unknown file format; expected a name that ends in {', '.join(FORMATS)}")
        return [(path.rsplit("/", 1)[-1], path)]
    within = files.isdir(path)
    if not within and not glob.has_magic(path):
        raise DataError(f"{source}: no such file or folder")
    found = files.find(path) if within else files.glob(path)
    top = path if within else _glob_root(path)
    named = [(location[len(top) :].lstrip("/"), location) for location in sorted(found)]
    chosen = [(name, location) for name, location in named if _format(location) and not _is_hidden(name)]
    if not chosen:
        what = "the folder contains no file" if within else "the pattern matches no file"
        raise DataError(f"{source}: {what} that ends in {', '.join(FORMATS)}; nothing was written")
    return chosen


def _glob_root(pattern: str) -> str:
    """Return the folders of a glob before its first wildcard."""
    parts = pattern.split("/")
    first = next((index for index, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return "/".join(parts[:first])


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "_")) for part in name.split("/"))


def _format(path: str) -> str | None:
    return next((kind for suffix, kind in FORMATS.items() if path.lower().endswith(suffix)), None)


def _input(files: Any, name: str, path: str) -> InputFile:
    info = files.info(path)
    return InputFile(name, path, files, int(info["size"] or 0), _identity(files, path, info), _fingerprint(info))


def _fingerprint(info: Mapping[str, Any]) -> tuple[str, ...]:
    # The names differ between the file systems of fsspec: local files have mtime and ino, S3 has LastModified and ETag.
    return tuple(str(info.get(key)) for key in ("size", "mtime", "ino", "LastModified", "ETag", "etag", "md5Hash"))


def _identity(files: Any, path: str, info: Mapping[str, Any]) -> dict[str, str]:
    """Return the etag of a remote store, or else the SHA-256 of the file."""
    # A store's own checksum saves downloading the file once more only to hash it.
    etag = next((info[key] for key in ("ETag", "etag", "md5Hash") if info.get(key)), None)
    if etag is not None:
        return {"etag": str(etag)}
    with files.open(path, "rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest()}
