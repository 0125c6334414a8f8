"""Which files a job reads: a file, a folder, a glob or a URI, each named and identified by its bytes."""

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
    """One file of this machine as fsspec gives it, without fsspec: its import takes a tenth of a second."""

    def isfile(self, path: str) -> bool:
        """Whether it is there."""
        return Path(path).is_file()

    def info(self, path: str) -> dict[str, int]:
        """Its size, and what tells whether it was replaced or written to."""
        found = Path(path).stat()
        return {"size": found.st_size, "mtime": found.st_mtime_ns, "ino": found.st_ino}

    def open(self, path: str, mode: str) -> IO[Any]:
        """The file, opened."""
        return Path(path).open(mode)

    def invalidate_cache(self) -> None:
        """Nothing is remembered."""


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file: its name within IN, where it is, its size, and what identifies its bytes (a sha256, or an etag)."""

    name: str
    path: str
    filesystem: Any
    bytes: int
    identity: Mapping[str, str]
    fingerprint: tuple[str, ...]

    @property
    def format(self) -> str:
        """How the file is read."""
        return _format(self.path) or ""

    @property
    def zipped(self) -> bool:
        """Whether its text is compressed by gzip."""
        return self.path.lower().endswith(".gz")

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        return _is_local(self.filesystem)

    def open(self) -> pa.NativeFile:
        """The file, opened for reading bytes."""
        # Threads of pyarrow that still read a file of Python's when the process ends abort it.
        if self.is_local:
            return pa.OSFile(self.path)
        return pa.PythonFile(self.filesystem.open(self.path, "rb"), "r")

    def has_changed(self) -> bool:
        """Whether the file was replaced or written to since it was identified, by its size, time and etag."""
        self.filesystem.invalidate_cache()
        return _fingerprint(self.filesystem.info(self.path)) != self.fingerprint

    def manifest_entry(self) -> dict[str, Any]:
        """What a manifest says of it."""
        return {"name": self.name, "bytes": self.bytes, **self.identity}


def find_inputs(source: str) -> list[InputFile]:
    """The files of IN, in the order of their names; hidden ones (``.x``, ``_x``) are left out of folders and globs.

    Raises:
        DataError: there is none, or one cannot be read.
        SettingsError: the suffix of a named file says nothing, or no library reads the URI's scheme.
    """
    files, path = _file_system(source)
    try:
        found = _list_files(files, path)
        return [_input(files, name, place) for name, place in found]
    except (OSError, ValueError) as error:
        raise DataError(f"{source} cannot be read: {error}; nothing was written") from None


def local_folder(source: str) -> Path | None:
    """The folder on this machine whose files a job reads, if IN is one."""
    files, path = _file_system(source)
    return Path(path).resolve() if _is_local(files) and Path(path).is_dir() else None


def _is_local(files: Any) -> bool:
    if isinstance(files, LocalFile):
        return True
    from fsspec.implementations.local import LocalFileSystem

    return isinstance(files, LocalFileSystem)


def _file_system(source: str) -> tuple[Any, str]:
    # To `Path.is_file` a URL that is too long for a name is an error.
    if os.path.isfile(source):  # noqa: PTH113
        return LocalFile(), str(Path(source).absolute())
    import fsspec

    try:
        files, path = fsspec.core.url_to_fs(source)
    except (ImportError, ValueError) as error:
        raise SettingsError(f"{source} cannot be read: {error}") from None
    return files, str(path)


def _list_files(files: Any, path: str) -> list[tuple[str, str]]:
    if files.isfile(path):
        if _format(path) is None:
            raise SettingsError(f"{path} must end in {', '.join(FORMATS)}, which says how it is read")
        return [(path.rsplit("/", 1)[-1], path)]
    within = files.isdir(path)
    if not within and not glob.has_magic(path):
        raise DataError(f"{path} names no file or folder; nothing was written")
    found = files.find(path) if within else files.glob(path)
    top = path if within else _glob_root(path)
    named = [(place[len(top) :].lstrip("/"), place) for place in sorted(found)]
    chosen = [(name, place) for name, place in named if _format(place) and not _is_hidden(name)]
    if not chosen:
        what = "holds no file that ends in" if within else "names no file that ends in"
        raise DataError(f"{path} {what} {', '.join(FORMATS)}; nothing was written")
    return chosen


def _glob_root(pattern: str) -> str:
    """The folders of a glob before its first wildcard."""
    parts = pattern.split("/")
    first = next((place for place, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return "/".join(parts[:first])


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "_")) for part in name.split("/"))


def _format(path: str) -> str | None:
    return next((kind for suffix, kind in FORMATS.items() if path.lower().endswith(suffix)), None)


def _input(files: Any, name: str, path: str) -> InputFile:
    info = files.info(path)
    return InputFile(name, path, files, int(info["size"] or 0), _identity(files, path, info), _fingerprint(info))


def _fingerprint(info: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(info.get(key)) for key in ("size", "mtime", "ino", "LastModified", "ETag", "etag", "md5Hash"))


def _identity(files: Any, path: str, info: Mapping[str, Any]) -> dict[str, str]:
    """The etag that a remote store keeps, or else the sha256 of the bytes."""
    etag = next((info[key] for key in ("ETag", "etag", "md5Hash") if info.get(key)), None)
    if etag is not None:
        return {"etag": str(etag)}
    with files.open(path, "rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest()}
