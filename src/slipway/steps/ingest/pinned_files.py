"""Fetch pinned files by URI, and refuse a file with another SHA-256 than the pinned one."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from slipway.errors import DataChangedError, DataError, SettingsError
from slipway.reporting.suggestions import did_you_mean
from slipway.tables.source_uri import local_path


@contextlib.contextmanager
def fetch(sources: Mapping[str, Mapping[str, str]]) -> Iterator[dict[str, Path]]:
    """Yield the local paths of ``{name: {"uri", "sha256"}}``, each verified; remote files are deleted at the end.

    A URI is a path, ``package://installed_package/file``, or anything that fsspec reads.

    Raises:
        DataError: a file is missing, empty, a folder or not readable.
        DataChangedError: its SHA-256 differs from the pinned one.
        SettingsError: no installed package reads its scheme.
    """
    with tempfile.TemporaryDirectory(prefix="ingest-") as folder:
        yield {name: _fetch_file(name, pin["uri"], pin["sha256"], Path(folder)) for name, pin in sources.items()}


def _fetch_file(name: str, uri: str, pinned: str, folder: Path) -> Path:
    path = _local_copy(uri, folder)
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"the data file {uri} cannot be read: {error.strerror or error}") from None
    if path.stat().st_size == 0:
        raise DataError(f"the data file {uri} is empty")
    if found != pinned:
        raise DataChangedError(
            f"the data file {uri} has changed: its SHA-256 is {found}, but slipway.toml pins {pinned}; "
            f"restore the file, or pin its new content with `slipway retrain --source {name}=FILE`"
        )
    return path


def _local_copy(uri: str, folder: Path) -> Path:
    path = local_path(uri)
    if path is None:
        return _download(uri, folder)
    if path.is_dir():
        raise DataError(f"the data file {uri} is a folder; pin each file in it separately")
    if not path.exists():
        raise DataError(f"the data file {uri} does not exist" + ("" if uri == str(path) else f" ({path})"))
    return path


def _download(uri: str, folder: Path) -> Path:
    import fsspec

    _refuse_unknown_scheme(uri)
    local = folder / hashlib.sha256(uri.encode()).hexdigest()
    try:
        with fsspec.open(uri, "rb") as remote, local.open("wb") as file:
            while block := remote.read(1 << 20):
                file.write(block)
    except Exception as error:  # each file system of fsspec raises its own classes
        raise DataError(f"the data file {uri} cannot be read: {error}") from error
    return local


def _refuse_unknown_scheme(uri: str) -> None:
    from fsspec.registry import get_filesystem_class, known_implementations

    # fsspec can chain file systems, as in `simplecache::s3://bucket/file`; the last one has the file.
    scheme = uri.partition("://")[0].rpartition("::")[2]
    try:
        get_filesystem_class(scheme)
    except ValueError:
        others = "use a path, package:// or a scheme of fsspec"
        hint = did_you_mean(scheme, [*known_implementations, "package"], others, cutoff=0.5)
        raise SettingsError(f"data.sources: unknown scheme '{scheme}' in {uri}{hint}") from None
    except ImportError as error:
        raise SettingsError(f"data.sources: {uri} needs a Python package that is not installed: {error}") from None
