"""Write files, links and folders atomically and durably: complete and on the disk on return, or absent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from slipway.errors import StorageError
from slipway.storage import durable_steps

_LEFTOVER = ".{name}.tmp"
"""Temporary files are in the folder of their target, since a rename is atomic only within one file system."""


def write_file(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace a file, or create it.

    Args:
        durable: whether the file must be on the disk on return. If False, a reader still sees either the old file or
            the new one, but the new one can be lost if the machine crashes.

    Raises:
        StorageError: the file cannot be written; an existing file is unchanged.
    """
    temporary = _temporary_path(path)
    with _as_storage_error(path, temporary):
        durable_steps.write(temporary, content, durable)
        temporary.replace(path)
        if durable:
            durable_steps.sync(path.parent)


def move_file(source: Path, path: Path) -> None:
    """Rename a file on the same disk to ``path``, replacing a file of that name.

    Raises:
        StorageError: the file cannot be written or renamed; an existing file at ``path`` is unchanged.
    """
    with _as_storage_error(path):
        durable_steps.sync(source)
        source.replace(path)
        durable_steps.sync(path.parent)


def append_line(path: Path, line: bytes) -> None:
    """Append one line, replacing an incomplete last line that a killed process left.

    Raises:
        StorageError: the line cannot be written; the complete lines before it are unchanged.
    """
    with _as_storage_error(path):
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)) as file:
            durable_steps.append(path, file.fileno(), line + b"\n")
        durable_steps.sync(path.parent)


def whole_lines(path: Path) -> list[bytes]:
    """Return the lines that were completely written, without an incomplete last one; none if the file does not exist.

    Raises:
        StorageError: the file exists but cannot be read.
    """
    try:
        return path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from None


def swap_link(link: Path, destination: str) -> None:
    """Point a symbolic link at ``destination``; a reader sees either the old link or the new one.

    Raises:
        StorageError: the link cannot be written; it is unchanged.
    """
    temporary = _temporary_path(link)
    with _as_storage_error(link, temporary):
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(destination)
        temporary.replace(link)
        durable_steps.sync(link.parent)


def remove_link(link: Path) -> None:
    """Remove a symbolic link if it exists.

    Raises:
        StorageError: the link cannot be removed.
    """
    with _as_storage_error(link):
        link.unlink(missing_ok=True)
        durable_steps.sync(link.parent)


def publish_folder(source: Path, destination: Path) -> None:
    """Copy a folder of files so that ``destination`` appears complete or not at all.

    Raises:
        StorageError: a file cannot be read or written; the partial copy was removed.
    """
    files = {path.relative_to(source).as_posix(): path for path in sorted(source.rglob("*")) if path.is_file()}
    publish_files(files, destination)


def publish_files(
    files: Mapping[str, Path | bytes], destination: Path, check_folder: Callable[[Path], object] = lambda folder: None
) -> None:
    """Create a folder of copied files and new ones that appears complete or not at all.

    Leftovers of killed copies in the same parent are removed first, so only one process can publish into a parent at a
    time.

    Args:
        files: the content of each file by its path in the folder: bytes, or a file to copy.
        check_folder: receives the finished folder before it appears, and raises an error to reject it.

    Raises:
        StorageError: a file cannot be read or written; the partial folder was removed.
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
        # A file that was synced can still lose its name in a crash, until its folder is synced too (fsync(2)).
        for folder in [*(path for path in temporary.rglob("*") if path.is_dir()), temporary]:
            durable_steps.sync(folder)
        check_folder(temporary)
        temporary.rename(destination)
        durable_steps.sync(destination.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder so that it disappears at once; if the process is killed meanwhile, ``sweep`` removes the rest.

    Raises:
        StorageError: the folder cannot be removed.
    """
    temporary = _temporary_path(folder)
    with _as_storage_error(folder):
        sweep(folder.parent)
        folder.rename(temporary)
        durable_steps.sync(folder.parent)
        shutil.rmtree(temporary)


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk before returning.

    Raises:
        StorageError: the folder cannot be written.
    """
    with _as_storage_error(folder):
        durable_steps.sync(folder)


def sweep(parent: Path) -> list[Path]:
    """Remove and return the leftovers of killed processes in a folder to which no process is writing.

    Raises:
        StorageError: a leftover cannot be removed.
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
        raise StorageError(f"{path} cannot be written: {error.strerror or error}; no partial file is left") from None
