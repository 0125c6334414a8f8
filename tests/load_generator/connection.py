"""One keep-alive HTTP connection that never blocks and carries one request at a time."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass

NOTHING = -1
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; the head has its status line and headers."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header, empty when there is none."""
        found = re.search(rb"\r\n" + name.encode() + rb": *([^\r\n]*)", self.head, re.IGNORECASE)
        return found[1].decode("latin-1") if found else ""


class Connection:
    """A socket, the number of the request that it carries, and when that was sent."""

    __slots__ = ("_received", "_unsent", "carried", "sent", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect_ex(("127.0.0.1", port))
        self.carried = NOTHING
        self.sent = 0.0
        self._received = b""
        self._unsent = b""

    def carry(self, number: int, request: bytes, now: float) -> bool:
        """Begin a request; returns whether the kernel has taken all of it."""
        self.carried, self.sent, self._received, self._unsent = number, now, b"", request
        return self.flush()

    def flush(self) -> bool:
        """Send what is left of the request; returns whether the kernel has taken all of it."""
        try:
            self._unsent = self._unsent[self.socket.send(self._unsent) :]
        except BlockingIOError:
            return False
        return not self._unsent

    def receive(self) -> Answer | None:
        """What came, once it is a whole answer.

        Raises:
            ConnectionError: no whole answer will come; its text says how that ended.
        """
        try:
            received = self.socket.recv(_CHUNK)
        except BlockingIOError:
            return None
        if not received:
            raise ConnectionAbortedError("incomplete" if self._received else "closed")
        self._received += received
        return parse(self._received)


def parse(received: bytes) -> Answer | None:
    """The answer in these bytes, or None while some of it is missing.

    Raises:
        ConnectionAbortedError: nobody could tell where this answer ends.
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    length = _LENGTH.search(received, 0, end)
    if length is None:
        raise ConnectionAbortedError("without a length")
    whole = end + 4 + int(length[1])
    return Answer(int(received[9:12]), received[:end], received[end + 4 : whole]) if len(received) >= whole else None


def how_it_ended(error: ConnectionError) -> str:
    """The kind of a failure, in one word or two."""
    if isinstance(error, ConnectionAbortedError):
        return str(error)
    return "refused" if isinstance(error, ConnectionRefusedError) else "reset"
