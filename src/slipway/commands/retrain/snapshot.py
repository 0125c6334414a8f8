"""A snapshot of new data, named by its sha256: read once, kept where `data.snapshots` says so, and pinned there."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec

from slipway.errors import DataChangedError, DataError, SlipwayError
from slipway.settings.sections import Source
from slipway.storage import atomic
from slipway.tables.source_uri import local_path, resolve_uri

_BLOCK_SIZE = 1 << 20


def snapshot(uri: str, store: str, root: Path) -> Source:
    """Where the bytes behind ``uri`` are from now on, and their sha256.

    Args:
        store: a folder or a URI that fsspec writes, which keeps a copy; empty to pin the bytes where they are.
        root: what relative places count from.

    Raises:
        DataError: it is not there, empty, or cannot be read or kept.
        DataChangedError: it changed while it was read.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-snapshot-") as folder:
        copy = Path(folder, "copy")
        digest = _read_source(resolve_uri(root, uri), copy if store else None)
        if not store:
            return Source(uri=_relative_uri(uri, root), sha256=digest)
        place = f"{store.rstrip('/')}/{digest}/{Path(uri.rpartition('::')[2]).name}"
        with _data_errors(place, "kept"):
            _store_copy(copy, resolve_uri(root, place))
        return Source(uri=place, sha256=digest)


def _read_source(uri: str, copy: Path | None) -> str:
    """The sha256 of what is there, copied in the same breath; refused where it moved meanwhile."""
    path = local_path(uri)
    if path is not None and path.is_dir():
        raise DataError(f"the data {uri} is a folder; name the files in it one by one; nothing was changed")
    with _data_errors(uri, "read"):
        system, place = fsspec.core.url_to_fs(str(path) if path else uri)
        before = system.checksum(place)
        digest = _copy_and_hash(system, place, copy)
        system.invalidate_cache()
        after = system.checksum(place)
    if before != after:
        raise DataChangedError(
            f"the data {uri} changed while it was read; nothing was changed; try again when it rests"
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
    """Put the copy there, unless it is there already: its folder's name is its digest."""
    here = local_path(uri)
    if here is not None:
        _store_locally(copy, here)
        return
    system, there = fsspec.core.url_to_fs(uri)
    if system.exists(there) and system.size(there) == copy.stat().st_size:
        return
    system.makedirs(there.rpartition("/")[0], exist_ok=True)
    system.put_file(str(copy), there)


def _store_locally(copy: Path, path: Path) -> None:
    if not path.is_file() or path.stat().st_size != copy.stat().st_size:
        shutil.rmtree(path.parent, ignore_errors=True)
        atomic.publish_files({path.name: copy}, path.parent)


def _relative_uri(uri: str, root: Path) -> str:
    """A path inside the project as it counts from there, whatever folder the command was given it in."""
    path = Path(uri)
    inside = "://" not in uri and path.is_absolute() and path.is_relative_to(root)
    return path.relative_to(root).as_posix() if inside else uri


@contextmanager
def _data_errors(uri: str, action: str) -> Iterator[None]:
    try:
        yield
    except SlipwayError:
        raise
    except Exception as error:  # every file system of fsspec raises its own kind
        raise DataError(f"the data {uri} cannot be {action}: {error}; nothing was changed") from error
