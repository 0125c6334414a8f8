"""The body of a request, within a limit of size and of time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from slipway.realtime.http.options import BODY_TIMEOUT_SECONDS, MAX_BODY_BYTES
from slipway.realtime.protocols.messages import ErrorResponse

MAX_BUFFERED_BYTES = 4 * MAX_BODY_BYTES
"""What one worker keeps of bodies that it has begun to read."""
_SMALL_BODY = 1 << 16


class BodyReader:
    """The bodies that one worker is reading."""

    def __init__(self, largest: int = MAX_BODY_BYTES, seconds: float = BODY_TIMEOUT_SECONDS) -> None:
        self._largest, self._seconds = largest, seconds
        self._buffered = 0
        self._reading: dict[asyncio.Task[Any], float] = {}

    async def read(self, headers: Mapping[str, str], protocol: Any) -> bytes:
        """The whole body.

        Raises:
            Refusal: it is too large, encoded, too slow, or there is no room for it now.
        """
        if (encoding := headers.get("content-encoding") or "identity") != "identity":
            raise ErrorResponse(415, "BAD_REQUEST", f"the body must come as it is but its encoding is {encoding}")
        task: Any = asyncio.current_task()
        self._reading[task] = time.monotonic() + self._seconds
        try:
            return await self._read_within_limits(headers.get("content-length"), protocol)
        except asyncio.CancelledError:
            if task in self._reading:
                raise
            told = f"the body did not arrive within {self._seconds:g} seconds"
            raise ErrorResponse(408, "BAD_REQUEST", told, (("connection", "close"),)) from None
        finally:
            self._reading.pop(task, None)

    def cancel_slow_reads(self) -> None:
        """End the reading of bodies that have taken too long; the worker calls it again and again."""
        now = time.monotonic()
        for task, deadline in list(self._reading.items()):
            if deadline < now:
                del self._reading[task]
                task.cancel()

    async def _read_within_limits(self, declared: str | None, protocol: Any) -> bytes:
        if declared is None:
            return await self._read_chunks(protocol)
        size = int(declared)
        if size > self._largest:
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
                if len(kept) + len(chunk) > self._largest:
                    raise self._too_large_error()
                self._reserve(len(chunk))
                reserved += len(chunk)
                kept += chunk
        finally:
            self._buffered -= reserved
        return bytes(kept)

    def _reserve(self, size: int) -> None:
        if self._buffered + size > MAX_BUFFERED_BYTES:
            told = f"bodies of {self._buffered} bytes are being read, and {MAX_BUFFERED_BYTES} is the most; try again"
            raise ErrorResponse(503, "TEMPORARILY_UNAVAILABLE", told, (("retry-after", "1"),))
        self._buffered += size

    def _too_large_error(self) -> ErrorResponse:
        told = f"the body is larger than {self._largest} bytes; use `slipway batch`"
        return ErrorResponse(413, "BAD_REQUEST", told, (("connection", "close"),))
