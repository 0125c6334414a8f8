"""The parent process: reserves the port, starts the workers, prints the address and stops the workers again."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from slipway.bundle.release_file import Bundle, GoldenRows, decode_golden, verify_and_read
from slipway.errors import BundleError, NotFoundError, SettingsError
from slipway.realtime.docs.example import curl_command
from slipway.realtime.http.auth import read_tokens
from slipway.realtime.http.listen_port import reserve_port, wait_until_listening
from slipway.realtime.http.options import STDERR, Options, Tls
from slipway.realtime.http.worker import Job
from slipway.realtime.http.worker_entrypoint import make_app
from slipway.realtime.telemetry.counters_folder import counters_folder
from slipway.target.registration import local_address, register_server

_STOP_SECONDS = 10
_RESEND_SECONDS = 0.5
_LARGEST_HEADERS = 64 << 10
_STDERR_HANDLER = {"formatter": "generic", "class": "logging.StreamHandler", "stream": "ext://sys.stderr"}
_MAX_CONNECTIONS = 4096
"""Limit of connections per worker; further ones wait to be accepted."""


def serve(options: Options, *, target: Path | None = None, bundle: Path | None = None) -> None:
    """Serve the champion of a target and follow its rollouts, or serve one fixed bundle; return after SIGTERM or SIGINT.

    Raises:
        NotFoundError: the target has no champion, or the bundle does not exist.
        BundleError: the bundle was changed after it was sealed.
        BusyError: another process listens on the port.
        SettingsError: the address, the certificate or the tokens cannot be used.
        StorageError: a log cannot be written.
    """
    verified, golden = _verify_bundle(_folder_to_serve(target, bundle))
    secured = bool(read_tokens(options.token_file))
    _check_certificate(options.tls)
    _check_logs(options)
    with ExitStack() as stack:
        port = stack.enter_context(reserve_port(options.host, options.port))
        options = msgspec.structs.replace(options, port=port)
        presence = target and stack.enter_context(_register(target.absolute(), options))
        job = Job(
            options=options,
            parent=os.getpid(),
            metrics=stack.enter_context(counters_folder()),
            bundle=bundle and bundle.absolute(),
            target=target and target.absolute(),
            presence=presence,
        )
        announce = partial(_announce, options, verified.release.version, golden, secured)
        server = _make_server(options, announce)
        loader: Any = partial(_start_worker, server, job)
        server.serve(target_loader=loader, wrap_loader=False)


class _AnnouncingServer(MPServer):
    """Granian server that prints its address once it accepts requests.

    Threads start only after the workers were forked, because a fork copies no threads, only the locks they hold.
    """

    announce: Callable[[], None]

    def startup(self, spawn_target: Any, target_loader: Any) -> None:
        super().startup(spawn_target, target_loader)  # type: ignore[no-untyped-call]
        threading.Thread(target=self.announce, daemon=True).start()

    def _stop_workers(self) -> None:
        threading.Thread(target=self._terminate_again, args=(list(self.wrks),), daemon=True).start()
        super()._stop_workers()  # type: ignore[no-untyped-call]

    def _terminate_again(self, workers: list[Any]) -> None:
        # A worker loses a signal that arrives between the installation of its handlers and the first turn of its event loop.
        for _ in range(_STOP_SECONDS):
            time.sleep(_RESEND_SECONDS)
            for worker in workers:
                if worker.is_alive():
                    worker.terminate()


def _start_worker(server: MPServer, job: Job) -> Any:
    """Create the application in a new worker process and load its bundle.

    The signal handlers inherited from the parent are reset, because they would swallow a signal that arrives before granian
    installs its own.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    if server.interrupt_signal:
        sys.exit(0)
    app = make_app(job)
    app.worker.start()
    return app


def _register(target: Path, options: Options) -> AbstractContextManager[Path]:
    certificate = options.tls.certificate if options.tls else None
    return register_server(target, options.host, options.port, options.workers, certificate)


def _make_server(options: Options, announce: Callable[[], None]) -> MPServer:
    server = _AnnouncingServer(
        make_app.__module__,
        options.host,
        options.port,
        interface=Interfaces.RSGI,
        workers=options.workers,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=options.header_timeout * 1000, max_buffer_size=_LARGEST_HEADERS
        ),
        websockets=False,
        backlog=_MAX_CONNECTIONS,
        backpressure=_MAX_CONNECTIONS,
        respawn_failed_workers=True,
        workers_kill_timeout=_STOP_SECONDS,
        ssl_cert=options.tls.certificate if options.tls else None,
        ssl_key=options.tls.key if options.tls else None,
        log_level=LogLevels.error,
        log_dictconfig={"handlers": {"console": _STDERR_HANDLER, "access": _STDERR_HANDLER}},
    )
    server.announce = announce
    return server


def _folder_to_serve(target: Path | None, bundle: Path | None) -> Path:
    if target is not None and bundle is None:
        if not (target / "current").is_symlink():
            raise NotFoundError(f"{target} has no champion yet; create one with `slipway ship`")
        return target / "current"
    if bundle is not None and target is None:
        return bundle
    raise SettingsError("give either a target to follow or one fixed bundle, not both; nothing was started")


def _verify_bundle(folder: Path) -> tuple[Bundle, GoldenRows]:
    verified, files = verify_and_read(folder, ("golden.json",))
    if "golden.json" not in files:
        raise BundleError(f"{verified.path} has no 'golden.json', so its predictions cannot be verified")
    return verified, decode_golden(files["golden.json"], str(verified.path / "golden.json"))


def _check_logs(options: Options) -> None:
    from slipway.realtime.telemetry import access_log, prediction_logger

    if options.access_log not in (None, STDERR):
        access_log.check_writable(options.access_log)
    if options.prediction_log is not None:
        prediction_logger.check_writable(options.prediction_log)


def _check_certificate(tls: Tls | None) -> None:
    if tls is None:
        return
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        message = f"the certificate {tls.certificate} and the key {tls.key} cannot be used together"
        raise SettingsError(f"{message}: {error.strerror or error}; nothing was started") from None


def _announce(options: Options, release: str, golden: GoldenRows, secured: bool) -> None:
    address = local_address(options.host)
    scheme = "https" if options.tls else "http"
    url = f"{scheme}://[{address}]:{options.port}" if ":" in address else f"{scheme}://{address}:{options.port}"
    if wait_until_listening(address, options.port):
        workers = f"{options.workers} worker{'s' if options.workers != 1 else ''}"
        example = curl_command(url, golden, secured=secured)
        print(f"serving {release} on {url} with {workers}; try: {example}", file=sys.stderr, flush=True)
