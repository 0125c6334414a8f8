"""`slipway serve` and its options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from slipway.cli.options import Decorator, RenamedOptionsCommand, bundle_option, open_target, settings_option
from slipway.errors import SettingsError

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_MEGABYTE = 1 << 20
_RENAMED = {
    "--longest-wait": "--max-wait-ms",
    "--largest-body": "--max-body-mb",
    "--body-seconds": "--body-timeout",
}


def _number_option(name: str, minimum: float, default: float, help_text: str) -> Decorator:
    return click.option(name, type=click.FloatRange(minimum), default=default, show_default=True, help=help_text)


@click.command(cls=RenamedOptionsCommand, renamed=_RENAMED)
@settings_option
@bundle_option
@click.option("--target", type=_FOLDER, help="Folder of the target, instead of the one in the settings.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all addresses.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 chooses a free port.")
@click.option("--workers", type=click.IntRange(1), help="Number of worker processes.  [default: one per core]")
@click.option("--token-file", type=_FILE, help="Accepted bearer tokens, one per line.  [default: $SLIPWAY_TOKENS]")
@click.option("--tls-certificate", type=_FILE, help="PEM file with the certificate chain; requires --tls-key.")
@click.option("--tls-key", type=_FILE, help="PEM file with the private key.")
@_number_option(
    "--max-wait-ms",
    1,
    25,
    "Longest time to a response, in milliseconds; requests that would wait longer get 503 at once.",
)
@_number_option("--max-body-mb", 0.001, 64, "Size limit of a request body, in MB; larger requests get 413.")
@_number_option(
    "--body-timeout", 0.1, 20, "Time limit for receiving a request body, in seconds; slower requests get 408."
)
@click.option("--access-log", type=_FILE, help="File for one JSON line per response; - is stderr.")
@click.option(
    "--log-predictions", "prediction_log", type=_FOLDER, help="Folder for logged requests and predictions (JSON Lines)."
)
@click.option(
    "--log-sample", type=click.FloatRange(0, 1), default=1, show_default=True, help="Share of requests to log, 0 to 1."
)
def serve(settings_file: Path, bundle: Path | None, target: Path | None, **options: Any) -> None:
    """Serve the champion over HTTP and follow every rollout.

    A rollout or a rollback changes the model between two requests, without a restart. With --bundle the server serves that
    one release and follows nothing. It prints its address and an example request on stderr, and stops on Ctrl-C.

    \b
    Examples:
      slipway serve
      slipway serve --port 8081 --workers 2 --access-log -
    """
    from slipway.realtime.http.server import serve as serve_forever

    followed = target or (None if bundle else open_target(settings_file)[1].path)
    serve_forever(_server_options(**options), target=followed, bundle=bundle)


def _server_options(
    *,
    workers: int | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
    max_wait_ms: float,
    max_body_mb: float,
    **others: Any,
) -> Any:
    from slipway.realtime.http.options import Options

    return Options(
        workers=workers or len(os.sched_getaffinity(0)),
        tls=_tls(tls_certificate, tls_key),
        max_wait_seconds=max_wait_ms / 1000,
        max_body_bytes=int(max_body_mb * _MEGABYTE),
        **others,
    )


def _tls(certificate: Path | None, key: Path | None) -> Any:
    from slipway.realtime.http.options import Tls

    if (certificate is None) != (key is None):
        raise SettingsError("--tls-certificate and --tls-key must be given together; nothing was started")
    return Tls(certificate, key) if certificate and key else None
