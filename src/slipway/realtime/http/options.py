"""What a person may set of a server."""

from __future__ import annotations

from pathlib import Path

import msgspec

MAX_WAIT_SECONDS = 0.025
MAX_BODY_BYTES = 64 << 20
BODY_TIMEOUT_SECONDS = 20.0
STDERR = Path("-")


class Tls(msgspec.Struct, frozen=True):
    """The certificate, with those that vouch for it, and its key, both as PEM."""

    certificate: Path
    key: Path


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Where a server listens, whom it lets in, how much it takes on and what it writes down.

    Sizes are in bytes and times in seconds. Port 0 takes a free one, which the line on stderr tells. Without
    ``token_file`` the tokens come from the environment variable SLIPWAY_TOKENS; without any, all may ask.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 2
    token_file: Path | None = None
    tls: Tls | None = None
    largest_body: int = MAX_BODY_BYTES
    body_seconds: float = BODY_TIMEOUT_SECONDS
    header_seconds: int = 10
    longest_wait: float = MAX_WAIT_SECONDS
    access_log: Path | None = None
    prediction_log: Path | None = None
    log_sample: float = 1.0
