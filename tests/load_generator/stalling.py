"""A server that answers after a known delay and once, at a known moment, stands still."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.load_generator.echo import ANSWER


@dataclass
class Behaviour:
    """What the server does.

    Args:
        delay: seconds before each answer.
        stall: seconds for which everything stands still, once, when ``stall_at`` requests have come.
        answer: the bytes of every answer.
        hang_up_every: every so many requests, the connection is closed after half an answer.
    """

    delay: float = 0.0
    stall: float = 0.0
    stall_at: int = 0
    answer: bytes = ANSWER
    hang_up_every: int = 0
    came: int = 0

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer on one connection until it ends."""
        while await reader.read(1 << 16):
            number = self.came = self.came + 1
            if number == self.stall_at:
                time.sleep(self.stall)
            await asyncio.sleep(self.delay)
            if self.hang_up_every and number % self.hang_up_every == 0:
                writer.write(self.answer[: len(self.answer) // 2])
                break
            writer.write(self.answer)
        writer.close()


@contextmanager
def served(behaviour: Behaviour) -> Iterator[int]:
    """The port of a server that behaves so, in a thread, while the block lasts."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(behaviour.converse, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
