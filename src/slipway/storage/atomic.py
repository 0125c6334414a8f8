"""The only ways in which Slipway writes what must last: whole and on the disk when the function returns, or absent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from slipway.errors import StorageError
from slipway.storage import durable_steps

_LEFTOVER = ".{name}.tmp"


def write_file(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace a file, or create it.

    Args:
        durable: whether it must be on the disk at the end. Without that a reader still sees the old file or the new one,
            but a machine that crashes may lose it.

    Raises:
        StorageError: it cannot be written; what stood there still does.
    """
    temporary = _temporary_path(path)
    with _as_storage_error(path, temporary):
        durable_steps.write(temporary, content, durable)
        temporary.replace(path)
        if durable:
            durable_steps.sync(path.parent)


def move_file(source: Path, path: Path) -> None:
    """Give a file that was written beside ``path``, on the same disk, the name ``path``, over what stood there.

    Raises:
        StorageError: the disk is full or the like; what stood at ``path`` still does.
    """
    with _as_storage_error(path):
        durable_steps.sync(source)
        source.replace(path)
        durable_steps.sync(path.parent)


def append_line(path: Path, line: bytes) -> None:
    """Append one line, over the torn one that a kill may have left.

    Raises:
        StorageError: it cannot be written; the whole lines before it are as they were.
    """
    with _as_storage_error(path):
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)) as file:
            durable_steps.append(path, file.fileno(), line + b"\n")
        durable_steps.sync(path.parent)


def whole_lines(path: Path) -> list[bytes]:
    """The lines that were completely written: a torn last one is left out, and no file is no lines.

    Raises:
        StorageError: the file is there but cannot be read.
    """
    try:
        return path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from None


def swap_link(link: Path, destination: str) -> None:
    """Point a symbolic link at ``destination``; a reader sees the old or the new one.

    Raises:
        StorageError: it cannot be written; the link is as it was.
    """
    temporary = _temporary_path(link)
    with _as_storage_error(link, temporary):
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(destination)
        temporary.replace(link)
        durable_steps.sync(link.parent)


def remove_link(link: Path) -> None:
    """Remove a symbolic link, if it is there.

    Raises:
        StorageError: it cannot be removed.
    """
    with _as_storage_error(link):
        link.unlink(missing_ok=True)
        durable_steps.sync(link.parent)


def publish_folder(source: Path, destination: Path) -> None:
    """Copy a folder of files so that ``destination`` appears whole.

    Raises:
        StorageError: it cannot be read or written; nothing is left of the copy.
    """
    files = {path.relative_to(source).as_posix(): path for path in sorted(source.rglob("*")) if path.is_file()}
    publish_files(files, destination)


def publish_files(
    files: Mapping[str, Path | bytes], destination: Path, check_folder: Callable[[Path], object] = lambda folder: None
) -> None:
    """Make a folder of copied files and new ones that appears whole; what killed copies left beside it is swept first.

    Only one process may publish into the same parent at a time.

    Args:
        check: looks at the folder before it appears, and raises if it may not.

    Raises:
        StorageError: it cannot be read or written; nothing is left of it.
    """
    temporary = _temporary_path(destination)
    with _as_storage_error(destination, temporary):
        destination.parent.mkdir(parents=True, exist_ok=True)
        durable_steps.sync(destination.parent.parent)
        sweep(destination.parent)
        temporary.mkdir()
        for name, content in files.items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            durable_steps.write(temporary / name, content)
        for folder in [*(path for path in temporary.rglob("*") if path.is_dir()), temporary]:
            durable_steps.sync(folder)
        check_folder(temporary)
        temporary.rename(destination)
        durable_steps.sync(destination.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder so that it vanishes whole; what a kill leaves of it is swept later.

    Raises:
        StorageError: it cannot be removed.
    """
    temporary = _temporary_path(folder)
    with _as_storage_error(folder):
        sweep(folder.parent)
        folder.rename(temporary)
        durable_steps.sync(folder.parent)
        shutil.rmtree(temporary)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk when the function returns.

    Raises:
        StorageError: the disk is full or the like.
    """
    with _as_storage_error(folder):
        durable_steps.sync(folder)


def sweep(parent: Path) -> list[Path]:
    """Remove what killed processes left half-made in a folder in which none is at work now; returns what that was.

    Raises:
        StorageError: it cannot be removed.
    """
    leftovers = sorted(parent.glob(_LEFTOVER.format(name="*")))
    with _as_storage_error(parent):
        for leftover in leftovers:
            durable_steps.remove(leftover)
    return leftovers


def _temporary_path(path: Path) -> Path:
    return path.with_name(_LEFTOVER.format(name=path.name))


@contextmanager
def _as_storage_error(path: Path, temporary: Path | None = None) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        if temporary is not None:
            with suppress(OSError):
                durable_steps.remove(temporary)
        if not isinstance(error, OSError):
            raise
        raise StorageError(
            f"{path} cannot be written: {error.strerror or error}; nothing half-written is left"
        ) from None
