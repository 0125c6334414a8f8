"""The verb `serve`, with all that a server can be told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from slipway.cli.options import Decorator, bundle_option, open_target, settings_option
from slipway.errors import SettingsError

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_MEGABYTE = 1 << 20


def _number_option(name: str, minimum: float, default: float, help_text: str) -> Decorator:
    return click.option(name, type=click.FloatRange(minimum), default=default, show_default=True, help=help_text)


@click.command(
    epilog="""Examples:

    \b
    slipway serve
    slipway serve --port 8080 --workers 4 --token-file tokens.txt --access-log -
    slipway serve --host 0.0.0.0 --tls-certificate server.pem --tls-key server.key
    slipway serve --log-predictions predictions --log-sample 0.1"""
)
@settings_option
@bundle_option
@click.option("--target", type=_FOLDER, help="The target's folder, instead of the one that the settings name.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 for every one.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
@click.option("--workers", type=click.IntRange(1), help="Processes.  [default: one for each core]")
@click.option("--token-file", type=_FILE, help="Who may ask: a bearer token on each line.  [default: $SLIPWAY_TOKENS]")
@click.option("--tls-certificate", type=_FILE, help="PEM, with those that vouch for it; needs --tls-key.")
@click.option("--tls-key", type=_FILE, help="PEM.")
@_number_option("--longest-wait", 1, 25, "Milliseconds to an answer; who would wait longer gets 503 at once.")
@_number_option("--largest-body", 0.001, 64, "Megabytes; beyond it 413.")
@_number_option("--body-seconds", 0.1, 20, "For a body to arrive; beyond it 408.")
@click.option("--access-log", type=_FILE, help="A file for a JSON line about each answer; - is stderr.")
@click.option(
    "--log-predictions", "prediction_log", type=_FOLDER, help="A folder for JSON lines of questions and answers."
)
@click.option("--log-sample", type=click.FloatRange(0, 1), default=1, show_default=True, help="What share it keeps.")
def serve(settings_file: Path, bundle: Path | None, target: Path | None, **options: Any) -> None:
    """Serve the champion over HTTP, and follow it when it changes."""
    from slipway.realtime.http.server import serve as serve_forever

    followed = target or (None if bundle else open_target(settings_file)[1].path)
    serve_forever(_server_options(**options), target=followed, bundle=bundle)


def _server_options(
    *,
    workers: int | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
    longest_wait: float,
    largest_body: float,
    **others: Any,
) -> Any:
    from slipway.realtime.http.options import Options

    return Options(
        workers=workers or len(os.sched_getaffinity(0)),
        tls=_tls(tls_certificate, tls_key),
        longest_wait=longest_wait / 1000,
        largest_body=int(largest_body * _MEGABYTE),
        **others,
    )


def _tls(certificate: Path | None, key: Path | None) -> Any:
    from slipway.realtime.http.options import Tls

    if (certificate is None) != (key is None):
        raise SettingsError("--tls-certificate and --tls-key come together: give both, or none")
    return Tls(certificate, key) if certificate and key else None
