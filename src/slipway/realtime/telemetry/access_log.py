"""The access log: a JSON line for each answer, in a file that all workers append to, or on stderr.

A request only adds to a list in memory; ``flush`` writes. A line never holds a header, a query or a body, so never a token.
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
"""Lines that wait for a flush; those beyond are dropped and counted."""
_MAX_PATH_LENGTH = 512
_MAX_METHOD_LENGTH = 16
_STDERR = 2
_CHECK_SECONDS = 1.0
_CLOSE_SECONDS = 2.0
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_MODE = 0o640
_encode = msgspec.json.Encoder().encode


class AccessEntry(msgspec.Struct, kw_only=True, gc=False):
    """One answer, as the log tells it; ``bytes`` are those of the request's body."""

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
    """The log of one worker; without a path it goes to stderr."""

    def __init__(self, path: Path | None, most_waiting: int = MAX_WAITING) -> None:
        self._path = path
        self._most = most_waiting
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
        """Remember an answer until the next flush. It neither waits nor raises."""
        if len(self._waiting) >= self._most:
            self._refused += 1
            return
        if len(access.path) > _MAX_PATH_LENGTH:
            access.path = access.path[:_MAX_PATH_LENGTH]
        self._waiting.append(access)

    def flush(self) -> None:
        """Write what waits, in one write to a file. It never raises; on stderr a full pipe makes it wait: use a thread."""
        if self._write_lock.acquire(blocking=False):
            try:
                self._write_waiting()
            finally:
                self._write_lock.release()

    def take_drops(self) -> int:
        """How many lines were dropped since this was last asked."""
        total = self._refused + self._lost
        told, self._reported_drops = self._reported_drops, total
        return total - told

    def close(self) -> None:
        """Write what waits and close the file. A write that is stuck, in another thread, is waited for for two seconds."""
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
        # Another worker may have written behind our half line, so its rest would only spoil one more.
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
    """Open the log once, before the server starts.

    Raises:
        StorageError: it cannot be opened for appending.
    """
    try:
        os.close(os.open(path, _FLAGS, _MODE))
    except OSError as error:
        raise StorageError(f"the access log {path} cannot be written: {error.strerror}; nothing was started") from None


def _pieces(lines: list[bytes], limit: int) -> Iterator[bytes]:
    """Whole lines, as many at a time as several workers may write to one pipe without mixing theirs."""
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
