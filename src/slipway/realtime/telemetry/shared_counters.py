"""Counters that each worker writes in its own file and every worker can read, even after the writer was killed.

A worker maps a small file of float64 cells into memory, so a write needs no system call and a `kill -9` loses nothing. The
worker holds the file's lock while it lives, so the lock shows whether the writer is alive, and a new worker continues
counting in the file of a dead one. There are never more files than workers that ran at the same time.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from slipway.storage.locks import claim_slot, is_held

Numbers = npt.NDArray[np.float64]
_CELL_BYTES = 8
_TEXT_BYTES = 1024
_FILE_PATTERN = "worker-{}.cells"


@dataclass(frozen=True, slots=True)
class WorkerCounters:
    """Counters and text of one worker, and whether it is alive."""

    numbers: Numbers
    alive: bool
    text: str


class SharedCounters:
    """The counters of this process. Without a folder, other processes cannot read them."""

    def __init__(self, folder: Path | None, size: int) -> None:
        self._folder = folder
        self._texts_at = (size + 1) * _CELL_BYTES
        self._bytes = self._texts_at + 2 * _TEXT_BYTES
        self._path: Path | None
        self._path, self._map = (
            (None, mmap.mmap(-1, self._bytes)) if folder is None else _claim_file(folder, self._bytes)
        )
        view = memoryview(self._map)[: self._texts_at].cast("d")
        self._active_text = view[size:]
        self.numbers = view[:size]

    def set_text(self, text: str) -> None:
        """Replace the text.

        There are two copies: the unused one is written and then activated, so no reader sees half of a text.

        Raises:
            ValueError: the text is longer than 1023 bytes.
        """
        raw = text.encode()
        if len(raw) >= _TEXT_BYTES:
            raise ValueError(f"a worker's text has {len(raw)} bytes, but {_TEXT_BYTES - 1} is the limit")
        unused = 1 - int(self._active_text[0])
        start = self._texts_at + unused * _TEXT_BYTES
        self._map[start : start + _TEXT_BYTES] = raw.ljust(_TEXT_BYTES, b"\0")
        self._active_text[0] = unused

    def read_all(self) -> Iterator[WorkerCounters]:
        """Yield the counters of each worker, including dead ones."""
        yield self._read(self._map[:], alive=True)
        for path in self._folder.glob(_FILE_PATTERN.format("*")) if self._folder else ():
            # The lock is checked before the file is read: if the worker dies in between, what it wrote is still complete.
            alive = is_held(path)
            if path != self._path and len(content := path.read_bytes()) == self._bytes:
                yield self._read(content, alive=alive)

    def _read(self, content: bytes, *, alive: bool) -> WorkerCounters:
        numbers = np.frombuffer(content, np.float64, self._texts_at // _CELL_BYTES)
        start = self._texts_at + int(numbers[-1]) * _TEXT_BYTES
        text = content[start : start + _TEXT_BYTES].rstrip(b"\0").decode()
        return WorkerCounters(numbers[:-1], alive, text)


def _claim_file(folder: Path, size: int) -> tuple[Path, mmap.mmap]:
    number, file = claim_slot(folder, _FILE_PATTERN)
    with file:
        if os.fstat(file.fileno()).st_size != size:
            file.truncate(size)
        # The map keeps its own file descriptor open, and with it the lock.
        return folder / _FILE_PATTERN.format(number), mmap.mmap(file.fileno(), size)
