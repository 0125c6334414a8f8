"""What a running server says of itself in ``<target>/servers/``, and the locks that prove it still runs.

A process holds a lock on a file for as long as it lives, so a killed one is known to be dead at once, also from
another container, and no recycled process id can stand in for it.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from slipway.errors import StorageError
from slipway.storage import atomic
from slipway.storage.clock import now
from slipway.storage.locks import hold_lock

SERVER_FILE = "server.json"
_TOKEN_FILE = "token"  # noqa: S105 - a name
_LOOPBACK_ADDRESSES = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - read, never bound


class Server(msgspec.Struct, frozen=True):
    """One server: its parent process, its address (and certificate, with TLS), and how many workers must acknowledge."""

    id: str
    pid: int
    host: str
    port: int
    workers: int
    started: str
    certificate: str | None = None

    def __str__(self) -> str:
        return f"the server at {self.host}:{self.port} (process {self.pid})"


class Acknowledgement(msgspec.Struct, frozen=True):
    """What one worker serves (None: nothing), and the folder that it last turned to, with the reason if that failed."""

    pid: int
    release: str | None
    digest: str | None
    at: str
    wanted: str
    error: str | None = None


def local_address(host: str) -> str:
    """The address at which a server that listens on ``host`` can be reached from its own machine."""
    return _LOOPBACK_ADDRESSES.get(host, host)


def servers_folder(target: Path) -> Path:
    """Where servers leave their folders."""
    return target / "servers"


@contextmanager
def register_server(
    target: Path, host: str, port: int, workers: int, certificate: Path | None = None
) -> Iterator[Path]:
    """Announce this process as a server of the target; the folder goes away when the block ends.

    Args:
        certificate: with TLS, the file by which a rollout on this machine trusts the server.

    Raises:
        StorageError: the target cannot be written.
    """
    name = f"{os.getpid()}-{secrets.token_hex(4)}"
    folder = servers_folder(target) / name
    server = Server(name, os.getpid(), host, port, workers, now(), str(certificate.absolute()) if certificate else None)
    try:
        folder.mkdir(parents=True)
        (folder / _TOKEN_FILE).touch(mode=0o600, exist_ok=False)
        (folder / _TOKEN_FILE).write_text(secrets.token_urlsafe(32))
        lock = hold_lock(folder / "server.lock")
        write_record(folder / SERVER_FILE, server)
    except (OSError, StorageError) as error:
        raise StorageError(f"{folder} cannot be written, so no rollout could see this server: {error}") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def rollout_token(folder: Path) -> str | None:
    """What a rollout on this machine brings to a server that asks for tokens; None where this user may not read it."""
    try:
        return (folder / _TOKEN_FILE).read_text()
    except OSError:
        return None


def write_record(path: Path, content: msgspec.Struct) -> None:
    """Replace a file, for readers of this boot: no server outlasts a crash of its machine.

    Raises:
        StorageError: it cannot be written.
    """
    atomic.write_file(path, msgspec.json.encode(content), durable=False)
