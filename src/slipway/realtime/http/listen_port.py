"""Reserves the port of a server for its workers, and waits until a worker listens on it."""

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
    """Reserve a port that no other process uses, then let the workers bind it too; yields its number.

    Raises:
        BusyError: another process listens on the port.
        SettingsError: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as reservation:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            reservation.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise SettingsError(f"cannot listen on port {port} of {host}: {error.strerror or error}") from None
            message = f"port {port} of {host} is in use by another process; stop it or choose another port with --port"
            raise BusyError(message) from None
        # Bound without SO_REUSEPORT first, which fails if another server has the port. With it from the start, the kernel
        # would share the port with a second server of the same user, and split the requests between the two.
        if sys.platform == "linux":
            reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
            reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        yield reservation.getsockname()[1]


def wait_until_listening(host: str, port: int) -> bool:
    """Wait until a process accepts connections on the port; returns False if none does within a minute."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return True
    return False
