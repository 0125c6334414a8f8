"""Pinned files: found by URI, and refused unless their bytes are the pinned ones."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.component import DataChangedError, DataError
from pipeline.component.sources import local_path


@contextlib.contextmanager
def fetch(sources: Mapping[str, Mapping[str, str]]) -> Iterator[dict[str, Path]]:
    """Local paths of ``{name: {"uri", "sha256"}}``, each verified; remote files live as long as the context.

    URIs are paths, ``package://installed_package/file``, or anything that fsspec reads.

    Raises:
        DataError: a file is missing or empty.
        DataChangedError: its sha256 is not the pinned one.
    """
    with tempfile.TemporaryDirectory(prefix="ingest-") as folder:
        yield {name: _verified(pin["uri"], pin["sha256"], Path(folder)) for name, pin in sources.items()}


def _verified(uri: str, pinned: str, folder: Path) -> Path:
    path = _local(uri, folder)
    if path.stat().st_size == 0:
        raise DataError(f"the data file {uri} is empty")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != pinned:
        raise DataChangedError(
            f"the data changed under you: {uri} has sha256 {found}, but slipway.toml pins {pinned}; "
            "nothing was trained. Restore the file, or pin the new one on purpose"
        )
    return path


def _local(uri: str, folder: Path) -> Path:
    path = local_path(uri)
    if path is None:
        return _downloaded(uri, folder)
    if not path.is_file():
        raise DataError(f"there is no data file at {uri} ({path})")
    return path


def _downloaded(uri: str, folder: Path) -> Path:
    import fsspec

    local = folder / hashlib.sha256(uri.encode()).hexdigest()
    try:
        with fsspec.open(uri, "rb") as remote, local.open("wb") as file:
            while block := remote.read(1 << 20):
                file.write(block)
    except Exception as error:  # every file system of fsspec raises its own kind
        raise DataError(f"the data file {uri} cannot be read: {error}") from error
    return local
