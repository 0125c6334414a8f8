"""What a running server says of itself in ``<target>/servers/``, and the locks that prove it still runs.

A process holds a lock on a file for as long as it lives, so a killed one is known to be dead at once, also from
another container, and no recycled process id can stand in for it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from slipway.errors import StorageError
from slipway.realtime.http.options import Options

SERVER_FILE = "server.json"
_TOKEN_FILE = "token"  # noqa: S105 - a name
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - read, never bound


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


def address_to_ask(host: str) -> str:
    """The address at which a server that listens on ``host`` can be reached from its own machine."""
    return _EVERY_ADDRESS.get(host, host)


def servers_folder(target: Path) -> Path:
    """Where servers leave their folders."""
    return target / "servers"


def now() -> str:
    """The time in UTC, as all files of a target write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@contextmanager
def present(target: Path, options: Options) -> Iterator[Path]:
    """Announce this process as a server of the target; the folder goes away when the block ends.

    Raises:
        StorageError: the target cannot be written.
    """
    name = f"{os.getpid()}-{secrets.token_hex(4)}"
    folder = servers_folder(target) / name
    certificate = str(options.tls.certificate.absolute()) if options.tls else None
    server = Server(name, os.getpid(), options.host, options.port, options.workers, now(), certificate)
    try:
        folder.mkdir(parents=True)
        _write_token(folder)
        lock = hold(folder / "server.lock")
        write(folder / SERVER_FILE, server)
    except OSError as error:
        raise StorageError(f"{folder} cannot be written, so no rollout could see this server: {error}") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def own_token(folder: Path) -> str | None:
    """What a rollout on this machine brings to a server that asks for tokens; None where this user may not read it."""
    try:
        return (folder / _TOKEN_FILE).read_text()
    except OSError:
        return None


def _write_token(folder: Path) -> None:
    descriptor = os.open(folder / _TOKEN_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32))


def write(path: Path, content: msgspec.Struct) -> None:
    """Replace a file by rename, so a reader sees the old or the new one whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(msgspec.json.encode(content))
    temporary.replace(path)


def hold(path: Path) -> int:
    """Lock a file until this process (and any it forks) ends, or the returned descriptor is closed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def is_held(path: Path) -> bool:
    """Does a living process hold the lock of this file?"""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who ask at the same time do not take each other for the holder.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
