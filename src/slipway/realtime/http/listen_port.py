"""The port of a server: reserved by the parent for its workers, and asked whether anybody listens."""

from __future__ import annotations

import errno
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from slipway.errors import BusyError, SettingsError

_READY_SECONDS = 60


@contextmanager
def reserve_port(host: str, port: int) -> Iterator[int]:
    """Bind the port alone, and only then let the workers bind it too; the reservation itself never listens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as reservation:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            reservation.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise SettingsError(f"cannot listen on port {port} of {host}: {error.strerror or error}") from None
            told = f"port {port} of {host} is in use by another process; stop it or choose another with --port"
            raise BusyError(told) from None
        if sys.platform == "linux":
            reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
            reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        yield reservation.getsockname()[1]


def wait_until_listening(host: str, port: int) -> bool:
    """Wait until somebody accepts connections there; False when nobody does within a minute."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return True
    return False
