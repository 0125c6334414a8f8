"""The body of a request, within a limit of size and of time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from slipway.realtime.http.options import BODY_SECONDS, LARGEST_BODY
from slipway.realtime.protocols.messages import Refusal

MOST_IN_HAND = 4 * LARGEST_BODY
"""What one worker keeps of bodies that it has begun to read."""
_SMALL = 1 << 16


class Bodies:
    """The bodies that one worker is reading."""

    def __init__(self, largest: int = LARGEST_BODY, seconds: float = BODY_SECONDS) -> None:
        self._largest, self._seconds = largest, seconds
        self._in_hand = 0
        self._reading: dict[asyncio.Task[Any], float] = {}

    async def read(self, headers: Mapping[str, str], protocol: Any) -> bytes:
        """The whole body.

        Raises:
            Refusal: it is too large, encoded, too slow, or there is no room for it now.
        """
        if (encoding := headers.get("content-encoding") or "identity") != "identity":
            raise Refusal(415, "BAD_REQUEST", f"the body must come as it is but its encoding is {encoding}")
        task: Any = asyncio.current_task()
        self._reading[task] = time.monotonic() + self._seconds
        try:
            return await self._within_limits(headers.get("content-length"), protocol)
        except asyncio.CancelledError:
            if task in self._reading:
                raise
            told = f"the body did not arrive within {self._seconds:g} seconds"
            raise Refusal(408, "BAD_REQUEST", told, (("connection", "close"),)) from None
        finally:
            self._reading.pop(task, None)

    def end_slow_ones(self) -> None:
        """End the reading of bodies that have taken too long; the worker calls it again and again."""
        now = time.monotonic()
        for task, deadline in list(self._reading.items()):
            if deadline < now:
                del self._reading[task]
                task.cancel()

    async def _within_limits(self, declared: str | None, protocol: Any) -> bytes:
        if declared is None:
            return await self._in_chunks(protocol)
        size = int(declared)
        if size > self._largest:
            raise self._too_large()
        if size <= _SMALL:
            return bytes(await protocol())
        self._reserve(size)
        try:
            return bytes(await protocol())
        finally:
            self._in_hand -= size

    async def _in_chunks(self, protocol: Any) -> bytes:
        kept = bytearray()
        reserved = 0
        try:
            async for chunk in protocol:
                if len(kept) + len(chunk) > self._largest:
                    raise self._too_large()
                self._reserve(len(chunk))
                reserved += len(chunk)
                kept += chunk
        finally:
            self._in_hand -= reserved
        return bytes(kept)

    def _reserve(self, size: int) -> None:
        if self._in_hand + size > MOST_IN_HAND:
            told = f"bodies of {self._in_hand} bytes are being read, and {MOST_IN_HAND} is the most; try again"
            raise Refusal(503, "TEMPORARILY_UNAVAILABLE", told, (("retry-after", "1"),))
        self._in_hand += size

    def _too_large(self) -> Refusal:
        told = f"the body is larger than {self._largest} bytes; use `slipway batch`"
        return Refusal(413, "BAD_REQUEST", told, (("connection", "close"),))
