"""Implement the single steps of a durable write; each can be interrupted half-way and can raise OSError."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def write(path: Path, content: Path | bytes, durable: bool = True) -> None:
    """Write a file in place: bytes, or a copy of another file."""
    with path.open("wb") as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            with content.open("rb") as source:
                shutil.copyfileobj(source, file, 1 << 20)
        if durable:
            file.flush()
            os.fsync(file.fileno())


def append(path: Path, descriptor: int, line: bytes) -> None:
    """Write a line over an incomplete last one that a killed process left; a failed write is cut off again."""
    end = path.read_bytes().rfind(b"\n") + 1
    os.ftruncate(descriptor, end)
    os.lseek(descriptor, end, os.SEEK_SET)
    try:
        # The disk can take a part of the line only: os.write returns how much.
        while line:
            line = line[os.write(descriptor, line) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, end)
        raise


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder with everything in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Write a file, or the names in a folder, to the disk before returning."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
