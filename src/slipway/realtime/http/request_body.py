"""Reads request bodies, with limits on size, time and memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from slipway.realtime.http.options import BODY_TIMEOUT_SECONDS, MAX_BODY_BYTES
from slipway.realtime.protocols.messages import ErrorResponse

MAX_BUFFERED_BYTES = 4 * MAX_BODY_BYTES
"""Limit of memory for the bodies that one worker is reading."""
_SMALL_BODY = 1 << 16


class BodyReader:
    """Reads the request bodies of one worker."""

    def __init__(self, max_bytes: int = MAX_BODY_BYTES, timeout: float = BODY_TIMEOUT_SECONDS) -> None:
        self._max_bytes, self._timeout = max_bytes, timeout
        self._buffered = 0
        self._reading: dict[asyncio.Task[Any], float] = {}

    async def read(self, headers: Mapping[str, str], protocol: Any) -> bytes:
        """Read a complete body.

        Raises:
            ErrorResponse: the body is too large, compressed or too slow, or the worker has no memory left for it.
        """
        if (encoding := headers.get("content-encoding") or "identity") != "identity":
            message = f"the body must not be compressed, but its content-encoding is {encoding}"
            raise ErrorResponse(415, "BAD_REQUEST", message)
        task: Any = asyncio.current_task()
        self._reading[task] = time.monotonic() + self._timeout
        try:
            return await self._read_within_limits(headers.get("content-length"), protocol)
        except asyncio.CancelledError:
            # Still registered, so the cancellation is not ours: the client closed the connection.
            if task in self._reading:
                raise
            message = f"the body did not arrive within {self._timeout:g} seconds"
            raise ErrorResponse(408, "BAD_REQUEST", message, (("connection", "close"),)) from None
        finally:
            self._reading.pop(task, None)

    def cancel_slow_reads(self) -> None:
        """Cancel the reads that have exceeded the timeout; the supervisor calls this at every poll."""
        now = time.monotonic()
        for task, deadline in list(self._reading.items()):
            if deadline < now:
                del self._reading[task]
                task.cancel()

    async def _read_within_limits(self, declared: str | None, protocol: Any) -> bytes:
        if declared is None:
            return await self._read_chunks(protocol)
        size = int(declared)
        if size > self._max_bytes:
            raise self._too_large_error()
        if size <= _SMALL_BODY:
            return bytes(await protocol())
        self._reserve(size)
        try:
            return bytes(await protocol())
        finally:
            self._buffered -= size

    async def _read_chunks(self, protocol: Any) -> bytes:
        kept = bytearray()
        reserved = 0
        try:
            async for chunk in protocol:
                if len(kept) + len(chunk) > self._max_bytes:
                    raise self._too_large_error()
                self._reserve(len(chunk))
                reserved += len(chunk)
                kept += chunk
        finally:
            self._buffered -= reserved
        return bytes(kept)

    def _reserve(self, size: int) -> None:
        if self._buffered + size > MAX_BUFFERED_BYTES:
            message = (
                f"the server is reading {self._buffered} bytes of other bodies, and {MAX_BUFFERED_BYTES} is the limit; "
                "retry later"
            )
            raise ErrorResponse(503, "TEMPORARILY_UNAVAILABLE", message, (("retry-after", "1"),))
        self._buffered += size

    def _too_large_error(self) -> ErrorResponse:
        message = f"the body is larger than {self._max_bytes} bytes; use `slipway batch IN OUT`"
        return ErrorResponse(413, "BAD_REQUEST", message, (("connection", "close"),))
