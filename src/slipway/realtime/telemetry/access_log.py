"""The access log: one JSON line per response, on stderr or in a file that all workers append to.

A request only adds to a list in memory; ``flush`` writes. A line never includes headers, the query or the body, so no
token either.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from slipway.errors import StorageError
from slipway.realtime.telemetry.log_once import LogOnce

MAX_WAITING = 20_000
"""Limit of lines waiting for a flush; further ones are dropped and counted."""
_MAX_PATH_LENGTH = 512
_MAX_METHOD_LENGTH = 16
_STDERR = 2
_CHECK_SECONDS = 1.0
_CLOSE_SECONDS = 2.0
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_MODE = 0o640
_encode = msgspec.json.Encoder().encode


class AccessEntry(msgspec.Struct, kw_only=True, gc=False):
    """Log line of one response; ``bytes`` is the size of the request body."""

    time: datetime = msgspec.field(default_factory=partial(datetime.now, UTC))
    id: str
    client: str
    method: str
    path: str
    status: int
    seconds: float
    rows: int
    bytes: int
    release: str | None


class AccessLog:
    """Access log of one worker; without a path it writes to stderr."""

    def __init__(self, path: Path | None, max_waiting: int = MAX_WAITING) -> None:
        self._path = path
        self._max_waiting = max_waiting
        self._waiting: deque[AccessEntry] = deque()
        self._refused = 0
        self._lost = 0
        self._reported_drops = 0
        self._file = _STDERR if path is None else None
        self._next_check = 0.0
        self._torn = False
        self._write_lock = threading.Lock()
        self._failure_log = LogOnce(f"the access log {path or 'on stderr'}")

    def write(self, access: AccessEntry) -> None:
        """Add a response to the lines of the next flush. It never blocks and never raises."""
        if len(self._waiting) >= self._max_waiting:
            self._refused += 1
            return
        if len(access.path) > _MAX_PATH_LENGTH:
            access.path = access.path[:_MAX_PATH_LENGTH]
        self._waiting.append(access)

    def flush(self) -> None:
        """Write the waiting lines, to a file in a single write. It never raises.

        Call it in a thread: on stderr it blocks while the pipe is full.
        """
        if self._write_lock.acquire(blocking=False):
            try:
                self._write_waiting()
            finally:
                self._write_lock.release()

    def take_drops(self) -> int:
        """Return how many lines were dropped since the last call."""
        total = self._refused + self._lost
        reported, self._reported_drops = self._reported_drops, total
        return total - reported

    def close(self) -> None:
        """Write the waiting lines and close the file; gives up after two seconds if another thread is stuck in a write."""
        if not self._write_lock.acquire(timeout=_CLOSE_SECONDS):
            return
        self._write_waiting()
        if self._path is not None and self._file is not None:
            os.close(self._file)
            self._file = None
        self._write_lock.release()

    def _write_waiting(self) -> None:
        if lines := [_encode_line(self._waiting.popleft()) for _ in range(len(self._waiting))]:
            self._write(lines)

    def _write(self, lines: list[bytes]) -> None:
        written = 0
        try:
            file = self._open_file()
            for piece in _pieces(lines, select.PIPE_BUF) if self._path is None else [b"".join(lines)]:
                written += self._append(file, piece)
        except OSError as error:
            self._failure_log.report_failure(error)
        else:
            self._failure_log.report_recovery()
        self._lost += len(lines) - written

    def _append(self, file: int, piece: bytes) -> int:
        # After a partial write, another worker may have appended its own lines. Appending the rest of the half line would
        # damage one of these too, so the next write starts on a new line.
        start = b"\n" if self._torn else b""
        size = os.write(file, start + piece) - len(start)
        self._torn = size > 0 and piece[size - 1 : size] != b"\n"
        return piece[:size].count(b"\n")

    def _open_file(self) -> int:
        if self._path is None:
            return _STDERR
        if self._file is not None and time.monotonic() >= self._next_check:
            self._next_check = time.monotonic() + _CHECK_SECONDS
            if _is_rotated(self._path, self._file):
                os.close(self._file)
                self._file = None
        if self._file is None:
            self._file = os.open(self._path, _FLAGS, _MODE)
        return self._file


def check_writable(path: Path) -> None:
    """Check, before the server starts, that the log can be written.

    Raises:
        StorageError: the file cannot be opened for appending.
    """
    try:
        os.close(os.open(path, _FLAGS, _MODE))
    except OSError as error:
        raise StorageError(f"the access log {path} cannot be written: {error.strerror}; nothing was started") from None


def _pieces(lines: list[bytes], limit: int) -> Iterator[bytes]:
    """Join complete lines into pieces that several workers can write to one pipe without mixing their lines.

    POSIX guarantees that a write to a pipe is atomic only up to ``limit``, PIPE_BUF bytes.
    """
    piece = b""
    for line in lines:
        if piece and len(piece) + len(line) >= limit:
            yield piece
            piece = b""
        piece += line
    yield piece


def _is_rotated(path: Path, file: int) -> bool:
    try:
        return not os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return True


def _encode_line(access: AccessEntry) -> bytes:
    access.method = _replace_unencodable(access.method[:_MAX_METHOD_LENGTH])
    access.path = _replace_unencodable(access.path[:_MAX_PATH_LENGTH])
    access.seconds = round(access.seconds, 6)
    return _encode(access) + b"\n"


def _replace_unencodable(text: str) -> str:
    return text if text.isascii() else text.encode(errors="replace").decode()
