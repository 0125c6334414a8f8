"""Take a snapshot of new data: hash it, copy it to `data.snapshots` if that is set, and return what to pin."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slipway.errors import DataChangedError, DataError, SlipwayError
from slipway.settings.sections import Source
from slipway.storage import atomic
from slipway.tables.source_uri import local_path, resolve_uri

_BLOCK_SIZE = 1 << 20


def snapshot(uri: str, store: str, root: Path) -> Source:
    """Return the URI to pin for the data behind ``uri``, and its sha256.

    Args:
        store: a folder or an fsspec URI for a copy; empty to pin the data where it is.
        root: the folder that relative paths are relative to.

    Raises:
        DataError: the data is missing, empty, or cannot be read or copied.
        DataChangedError: the data changed while it was read.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-snapshot-") as folder:
        copy = Path(folder, "copy")
        digest = _read_source(resolve_uri(root, uri), copy if store else None)
        if not store:
            return Source(uri=_relative_uri(uri, root), sha256=digest)
        copy_uri = f"{store.rstrip('/')}/{digest}/{Path(uri.rpartition('::')[2]).name}"
        with _data_errors(copy_uri, "copied"):
            _store_copy(copy, resolve_uri(root, copy_uri))
        return Source(uri=copy_uri, sha256=digest)


def _read_source(uri: str, copy: Path | None) -> str:
    """Return the sha256 of the data and copy it in the same pass; data that changes meanwhile is an error."""
    import fsspec

    path = local_path(uri)
    if path is not None and path.is_dir():
        raise DataError(f"the data {uri} is a folder; name each file in it instead; nothing was changed")
    with _data_errors(uri, "read"):
        system, remote_path = fsspec.core.url_to_fs(str(path) if path else uri)
        before = system.checksum(remote_path)
        digest = _copy_and_hash(system, remote_path, copy)
        # fsspec caches listings; without this, the second checksum would repeat the first.
        system.invalidate_cache()
        after = system.checksum(remote_path)
    if before != after:
        raise DataChangedError(
            f"the data {uri} changed while it was read; nothing was changed; try again when no one is writing to it"
        )
    return digest


def _copy_and_hash(system: Any, path: str, copy: Path | None) -> str:
    digest, size = hashlib.sha256(), 0
    with system.open(path, "rb") as source, (copy or Path("/dev/null")).open("wb") as into:
        while block := source.read(_BLOCK_SIZE):
            digest.update(block)
            size += into.write(block)
    if not size:
        raise DataError(f"the data {path} is empty; nothing was changed")
    return digest.hexdigest()


def _store_copy(copy: Path, uri: str) -> None:
    """Write the copy, unless it exists: its folder is named by its digest, so equal size means equal content."""
    import fsspec

    path = local_path(uri)
    if path is not None:
        _store_locally(copy, path)
        return
    system, remote_path = fsspec.core.url_to_fs(uri)
    if system.exists(remote_path) and system.size(remote_path) == copy.stat().st_size:
        return
    system.makedirs(remote_path.rpartition("/")[0], exist_ok=True)
    system.put_file(str(copy), remote_path)


def _store_locally(copy: Path, path: Path) -> None:
    if not path.is_file() or path.stat().st_size != copy.stat().st_size:
        shutil.rmtree(path.parent, ignore_errors=True)
        atomic.publish_files({path.name: copy}, path.parent)


def _relative_uri(uri: str, root: Path) -> str:
    """Return a path inside the project relative to its root, and any other URI unchanged."""
    path = Path(uri)
    inside = "://" not in uri and path.is_absolute() and path.is_relative_to(root)
    return path.relative_to(root).as_posix() if inside else uri


@contextmanager
def _data_errors(uri: str, action: str) -> Iterator[None]:
    try:
        yield
    except SlipwayError:
        raise
    except Exception as error:  # each file system of fsspec raises its own exception types
        raise DataError(f"the data {uri} cannot be {action}: {error}; nothing was changed") from error
