"""Write rotating log files of complete lines, one series per worker, limited in size and number."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from datetime import UTC, datetime
from io import BufferedRandom
from pathlib import Path

from slipway.storage.locks import claim_slot, is_held

UNFINISHED_SUFFIX = ".open"
"""Suffix of a file that a worker is writing, or was writing when it was killed."""
_LOCK = "worker-{}.lock"


class RotatingFiles:
    """One worker's files, ``<folder>/<name>-<worker>-<UTC time>.jsonl``. Every method can raise OSError."""

    def __init__(self, folder: Path, name: str, *, max_bytes: int, max_files: int) -> None:
        self._folder = folder
        self._name = name
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._slot: tuple[int, BufferedRandom] | None = None
        self._path = folder
        self._file: int | None = None
        self._size = 0

    def append(self, line: bytes) -> None:
        """Append a line completely or not at all."""
        file = self._ensure_open(len(line))
        written = os.write(file, line)
        if written < len(line):
            os.ftruncate(file, self._size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += written

    def finish(self) -> None:
        """Close the current file and rename it to its final name."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
            with contextlib.suppress(FileNotFoundError):
                self._path.rename(final_path(self._path))

    def _ensure_open(self, line_size: int) -> int:
        # No links means that someone deleted the file: lines written to it would never be seen.
        if self._file is not None and (self._size + line_size > self._max_bytes or os.fstat(self._file).st_nlink == 0):
            self.finish()
        if self._file is None:
            self._file = self._open_next()
            self._size = 0
        return self._file

    def _open_next(self) -> int:
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        if self._slot is None:
            self._slot = claim_slot(self._folder, _LOCK)
        worker = self._slot[0]
        for left in self._folder.glob(f"{self._name}-{worker}-*{UNFINISHED_SUFFIX}"):
            left.rename(final_path(left))
        self._delete_oldest(worker)
        at = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        self._path = self._folder / f"{self._name}-{worker}-{at}.jsonl{UNFINISHED_SUFFIX}"
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)

    def _delete_oldest(self, worker: int) -> None:
        # Files of dead workers count too; otherwise a server restarted with fewer workers would keep them forever.
        ours = [p for p in files_by_time(self._folder, self._name) if _worker_of(p) == worker or not self._is_alive(p)]
        for path in ours[: max(len(ours) - self._max_files + 1, 0)]:
            path.unlink(missing_ok=True)

    def _is_alive(self, path: Path) -> bool:
        return is_held(self._folder / _LOCK.format(_worker_of(path)))


def files_by_time(folder: Path, name: str) -> list[Path]:
    """Return all workers' files, unfinished ones included, ordered by the time at which they were started."""
    ours = re.compile(rf"{name}-\d+-(?P<time>\d+T[\d.]+Z)\.jsonl({re.escape(UNFINISHED_SUFFIX)})?")
    found = ((match["time"], path) for path in folder.glob(f"{name}-*") if (match := ours.fullmatch(path.name)))
    return [path for _, path in sorted(found)]


def final_path(path: Path) -> Path:
    """Return the name of a file after it is finished."""
    return path.with_name(path.name.removesuffix(UNFINISHED_SUFFIX))


def _worker_of(path: Path) -> int:
    return int(path.name.split("-")[-2])
