"""Register a running server in ``<target>/servers/``, with a lock that proves it still runs.

A process holds a lock on a file for as long as it lives. So a killed process is detected at once, even from another
container, and a reused process id cannot be mistaken for it.
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
    """Record of a server: its parent process, its address (and certificate, with TLS), and its number of workers."""

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
    """Record of what a worker serves (None: nothing), and of the folder that it last tried, with the error if any."""

    pid: int
    release: str | None
    digest: str | None
    at: str
    wanted: str
    error: str | None = None


def local_address(host: str) -> str:
    """The address to reach a server that listens on ``host`` from its own machine."""
    return _LOOPBACK_ADDRESSES.get(host, host)


def servers_folder(target: Path) -> Path:
    """The folder in which each server of the target has its own folder."""
    return target / "servers"


@contextmanager
def register_server(
    target: Path, host: str, port: int, workers: int, certificate: Path | None = None
) -> Iterator[Path]:
    """Register this process as a server of the target; its folder is removed when the block ends.

    Args:
        certificate: with TLS, the certificate file that a rollout on this machine trusts.

    Raises:
        StorageError: the target cannot be written.
    """
    name = f"{os.getpid()}-{secrets.token_hex(4)}"
    folder = servers_folder(target) / name
    server = Server(name, os.getpid(), host, port, workers, now(), str(certificate.absolute()) if certificate else None)
    try:
        folder.mkdir(parents=True)
        # Created with its mode before the token is written, so that no other user can read it in between.
        (folder / _TOKEN_FILE).touch(mode=0o600, exist_ok=False)
        (folder / _TOKEN_FILE).write_text(secrets.token_urlsafe(32))
        lock = hold_lock(folder / "server.lock")
        write_record(folder / SERVER_FILE, server)
    except (OSError, StorageError) as error:
        raise StorageError(
            f"{folder} cannot be written ({error}), so rollouts would not find this server; the server was not started"
        ) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def rollout_token(folder: Path) -> str | None:
    """The token that a rollout on this machine sends to a server with tokens; None if this user cannot read it."""
    try:
        return (folder / _TOKEN_FILE).read_text()
    except OSError:
        return None


def write_record(path: Path, content: msgspec.Struct) -> None:
    """Replace a record atomically, without flushing it to disk: no server survives a crash of its machine.

    Raises:
        StorageError: the record cannot be written.
    """
    atomic.write_file(path, msgspec.json.encode(content), durable=False)
