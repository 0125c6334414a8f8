"""Moves a finished folder into its place: a reader sees what stood there before, or the whole new one."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from pathlib import Path

from slipway.errors import StorageError
from slipway.storage import atomic

_HERE = -100
_EXCHANGE = 2


def move_into_place(made: Path, out: Path) -> None:
    """Give the folder ``made`` the name ``out``; what stood there takes the name ``made`` in the same instant.

    Raises:
        StorageError: it cannot be renamed; ``out`` is as it was.
    """
    for folder in sorted(path for path in made.rglob("*") if path.is_dir()):
        atomic.sync_folder(folder)
    atomic.sync_folder(made)
    try:
        if out.exists():
            _exchange(made, out)
        else:
            made.rename(out)
    except OSError as error:
        raise StorageError(f"{out} cannot be replaced: {error.strerror}; it is as it was") from None
    atomic.sync_folder(out.parent)


def copy_beside(folder: Path, destination: Path) -> None:
    """Replace ``destination`` by a copy of a folder of files."""
    temporary = destination.with_name(f".{destination.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(folder, temporary)
    shutil.rmtree(destination, ignore_errors=True)
    temporary.rename(destination)
    atomic.sync_folder(destination.parent)


def remove_beside(folder: Path) -> None:
    """Remove what ``copy_beside`` made, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


def _exchange(one: Path, other: Path) -> None:
    """Swap two folders in one step, which Python has no function for."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        raise OSError(errno.ENOSYS, "this system cannot swap two folders in one step; remove the old one yourself")
    if rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
