"""The parent process: binds the port, announces itself, starts the workers and stops them again."""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer

from deploy.bundle import Bundle, Golden, decode_golden, verify_and_read
from deploy.realtime.example import curl
from deploy.realtime.presence import address_to_ask, present
from deploy.realtime.worker import Options, make_app
from pipeline.errors import BundleError, BusyError, NotFoundError, SettingsError

_STOP_SECONDS = 10
_READY_SECONDS = 60


def serve(target: Path | None, bundle: Path | None, host: str, port: int, workers: int) -> None:
    """Serve the champion of a target, and follow it, or one fixed bundle; return after SIGTERM or SIGINT.

    Args:
        port: 0 takes a free one, which the line on stderr tells.

    Raises:
        NotFoundError: there is no champion or no bundle yet.
        BundleError: its bytes are not the sealed ones.
        BusyError: another process listens on the port.
    """
    verified, golden = _verified(_first_folder(target, bundle))
    with ExitStack() as stack:
        port = stack.enter_context(_reserved(host, port))
        presence = target and stack.enter_context(present(target.absolute(), host, port, workers))
        options = Options(os.getpid(), bundle and bundle.absolute(), target and target.absolute(), presence)
        announce = partial(_announce, host, port, workers, verified.release.version, golden)
        _server(host, port, workers, announce).serve(target_loader=partial(make_app, options), wrap_loader=False)


class _AnnouncingServer(MPServer):
    """Granian, saying that it serves once it does; the thread starts only after the workers were forked."""

    announce: Callable[[], None]

    def startup(self, spawn_target: Any, target_loader: Any) -> None:
        super().startup(spawn_target, target_loader)  # type: ignore[no-untyped-call]
        threading.Thread(target=self.announce, daemon=True).start()


def _server(host: str, port: int, workers: int, announce: Callable[[], None]) -> MPServer:
    server = _AnnouncingServer(
        make_app.__module__,
        host,
        port,
        interface=Interfaces.ASGI,
        workers=workers,
        http=HTTPModes.http1,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=_STOP_SECONDS,
        log_level=LogLevels.error,
        log_dictconfig={"handlers": _log_handlers()},
    )
    server.announce = announce
    return server


def _log_handlers() -> dict[str, Any]:
    to_stderr = {"formatter": "generic", "class": "logging.StreamHandler", "stream": "ext://sys.stderr"}
    return {"console": to_stderr, "access": to_stderr}


def _first_folder(target: Path | None, bundle: Path | None) -> Path:
    if target is not None and bundle is None:
        if not (target / "current").is_symlink():
            raise NotFoundError(f"nothing serves at {target}: it has no champion yet; `slipway ship` makes one first")
        return target / "current"
    if bundle is not None and target is None:
        return bundle
    raise SettingsError("serve either a target, whose champion is followed, or one fixed bundle")


def _verified(folder: Path) -> tuple[Bundle, Golden]:
    verified, files = verify_and_read(folder, ("golden.json",))
    if "golden.json" not in files:
        raise BundleError(f"{verified.path} has no 'golden.json', so nothing can tell whether it answers right")
    return verified, decode_golden(files["golden.json"], str(verified.path / "golden.json"))


@contextmanager
def _reserved(host: str, port: int) -> Iterator[int]:
    """Bind the port alone, and only then let the workers bind it too; the reservation itself never listens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as reservation:
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            reservation.bind((host, port))
        except OSError as error:
            raise _unbindable(host, port, error) from None
        if sys.platform == "linux":
            reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
            reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        yield reservation.getsockname()[1]


def _unbindable(host: str, port: int, error: OSError) -> BusyError | SettingsError:
    if error.errno == errno.EADDRINUSE:
        return BusyError(f"port {port} of {host} is in use by another process; stop it or choose another with --port")
    return SettingsError(f"cannot listen on port {port} of {host}: {error.strerror or error}")


def _announce(host: str, port: int, workers: int, release: str, golden: Golden) -> None:
    near = address_to_ask(host)
    url = f"http://[{near}]:{port}" if ":" in near else f"http://{near}:{port}"
    if _answers(near, port):
        told = f"{workers} worker{'s' if workers != 1 else ''}"
        print(f"serving {release} on {url} with {told}; try: {curl(url, golden)}", file=sys.stderr, flush=True)


def _answers(host: str, port: int) -> bool:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return True
    return False
