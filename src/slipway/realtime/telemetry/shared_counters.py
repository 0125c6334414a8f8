"""Numbers that each worker writes for itself and any worker can read, also after the one who wrote them was killed.

A worker maps a small file of float64 cells into its memory, so writing one costs no system call and a `kill -9` loses
nothing. It holds the file's lock for as long as it lives: whether a file's writer is alive is a question to the lock, and a
new worker goes on counting in the file of a dead one. So there are never more files than there were workers at once.
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
    """What one worker wrote, whether it still lives, and its text."""

    numbers: Numbers
    alive: bool
    text: str


class SharedCounters:
    """The cells of this process. Without a folder they are its own alone."""

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
        """Replace the text. It is written where nobody reads and then turned to, so no reader sees half of it.

        Raises:
            ValueError: it is longer than 1023 bytes.
        """
        raw = text.encode()
        if len(raw) >= _TEXT_BYTES:
            raise ValueError(f"a worker's text is {len(raw)} bytes long; {_TEXT_BYTES - 1} is the most")
        turn = 1 - int(self._active_text[0])
        start = self._texts_at + turn * _TEXT_BYTES
        self._map[start : start + _TEXT_BYTES] = raw.ljust(_TEXT_BYTES, b"\0")
        self._active_text[0] = turn

    def read_all(self) -> Iterator[WorkerCounters]:
        """What each worker wrote, the dead ones too."""
        yield self._read(self._map[:], alive=True)
        for path in self._folder.glob(_FILE_PATTERN.format("*")) if self._folder else ():
            # Asked before it is read: one who dies in between has still written what is read.
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
        # The map keeps a descriptor of its own, and with it the lock.
        return folder / _FILE_PATTERN.format(number), mmap.mmap(file.fileno(), size)
