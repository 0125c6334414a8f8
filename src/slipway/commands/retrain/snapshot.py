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
from slipway.tables.source_uri import absolute, local_path

_BLOCK = 1 << 20


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
        digest = _read(absolute(root, uri), copy if store else None)
        if not store:
            return Source(uri=_short(uri, root), sha256=digest)
        place = f"{store.rstrip('/')}/{digest}/{Path(uri.rpartition('::')[2]).name}"
        with _told_plainly(place, "kept"):
            _keep(copy, absolute(root, place))
        return Source(uri=place, sha256=digest)


def _read(uri: str, copy: Path | None) -> str:
    """The sha256 of what is there, copied in the same breath; refused where it moved meanwhile."""
    path = local_path(uri)
    if path is not None and path.is_dir():
        raise DataError(f"the data {uri} is a folder; name the files in it one by one; nothing was changed")
    with _told_plainly(uri, "read"):
        system, place = fsspec.core.url_to_fs(str(path) if path else uri)
        before = system.checksum(place)
        digest = _digest(system, place, copy)
        system.invalidate_cache()
        after = system.checksum(place)
    if before != after:
        raise DataChangedError(
            f"the data {uri} changed while it was read; nothing was changed; try again when it rests"
        )
    return digest


def _digest(system: Any, place: str, copy: Path | None) -> str:
    digest, size = hashlib.sha256(), 0
    with system.open(place, "rb") as source, (copy or Path("/dev/null")).open("wb") as into:
        while block := source.read(_BLOCK):
            digest.update(block)
            size += into.write(block)
    if not size:
        raise DataError(f"the data {place} is empty; nothing was changed")
    return digest.hexdigest()


def _keep(copy: Path, place: str) -> None:
    """Put the copy there, unless it is there already: its folder's name is its digest."""
    here = local_path(place)
    if here is not None:
        _keep_here(copy, here)
        return
    system, there = fsspec.core.url_to_fs(place)
    if system.exists(there) and system.size(there) == copy.stat().st_size:
        return
    system.makedirs(there.rpartition("/")[0], exist_ok=True)
    system.put_file(str(copy), there)


def _keep_here(copy: Path, place: Path) -> None:
    if not place.is_file() or place.stat().st_size != copy.stat().st_size:
        shutil.rmtree(place.parent, ignore_errors=True)
        atomic.publish_files({place.name: copy}, place.parent)


def _short(uri: str, root: Path) -> str:
    """A path inside the project as it counts from there, whatever folder the command was given it in."""
    path = Path(uri)
    inside = "://" not in uri and path.is_absolute() and path.is_relative_to(root)
    return path.relative_to(root).as_posix() if inside else uri


@contextmanager
def _told_plainly(place: str, done: str) -> Iterator[None]:
    try:
        yield
    except SlipwayError:
        raise
    except Exception as error:  # every file system of fsspec raises its own kind
        raise DataError(f"the data {place} cannot be {done}: {error}; nothing was changed") from error
