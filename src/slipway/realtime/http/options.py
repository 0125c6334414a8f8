"""The options of a server, with their defaults."""

from __future__ import annotations

from pathlib import Path

import msgspec

MAX_WAIT_SECONDS = 0.025
MAX_BODY_BYTES = 64 << 20
BODY_TIMEOUT_SECONDS = 20.0
STDERR = Path("-")


class Tls(msgspec.Struct, frozen=True):
    """The PEM files of the certificate, with its chain of issuers, and of its private key."""

    certificate: Path
    key: Path


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The address of a server, its authentication, its limits and its logs.

    Sizes are in bytes and times in seconds. With port 0 the system chooses a free port, which the server prints on stderr.
    Without ``token_file`` the tokens come from the environment variable SLIPWAY_TOKENS; without any, no token is required.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 2
    token_file: Path | None = None
    tls: Tls | None = None
    max_body_bytes: int = MAX_BODY_BYTES
    body_timeout: float = BODY_TIMEOUT_SECONDS
    header_timeout: int = 10
    max_wait_seconds: float = MAX_WAIT_SECONDS
    access_log: Path | None = None
    prediction_log: Path | None = None
    log_sample: float = 1.0
