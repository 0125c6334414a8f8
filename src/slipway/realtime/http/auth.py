"""Bearer token authentication. Tokens come from a file, which is reloaded when it changes, or from the environment."""

from __future__ import annotations

import hmac
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from slipway.errors import SettingsError
from slipway.realtime.protocols.messages import ErrorResponse

TOKENS_VARIABLE = "SLIPWAY_TOKENS"
_MIN_TOKEN_LENGTH = 16
_CHALLENGE = (("www-authenticate", 'Bearer realm="slipway"'),)


def read_tokens(file: Path | None) -> tuple[str, ...]:
    """Read the tokens from a file, one per line (# starts a comment), or else from the environment.

    Without any token, every request is accepted.

    Raises:
        SettingsError: the file cannot be read or has no token, or a token is too short or malformed.
    """
    try:
        text = os.environ.get(TOKENS_VARIABLE, "") if file is None else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the tokens in {file} cannot be read: {error}") from None
    tokens = tuple(line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    origin = TOKENS_VARIABLE if file is None else str(file)
    if file is not None and not tokens:
        raise SettingsError(
            f"{origin} contains no token, so the server would accept every request; write one token per line, or omit "
            "--token-file"
        )
    for number, token in enumerate(tokens, 1):
        if len(token) < _MIN_TOKEN_LENGTH or not token.isascii() or len(token.split()) != 1:
            raise SettingsError(
                f"token {number} of {origin} must have at least {_MIN_TOKEN_LENGTH} ASCII characters and no spaces, got "
                f"{len(token)} characters; create one with `openssl rand -hex 32`"
            )
    return tokens


class BearerAuth:
    """Accepts requests with a known token; ``rollout_token`` is the one that a rollout on this machine sends."""

    def __init__(self, file: Path | None, rollout_token: str | None = None) -> None:
        self._file, self._own = file, rollout_token
        self._state = _file_state(file)
        self._set_tokens(read_tokens(file))

    @property
    def is_required(self) -> bool:
        """Whether requests need a token."""
        return bool(self._tokens)

    def check(self, headers: Mapping[str, str]) -> None:
        """Accept a request with a known token.

        Raises:
            ErrorResponse: the token is missing or unknown.
        """
        if not self._tokens:
            return
        scheme, _, token = (headers.get("authorization") or "").partition(" ")
        given = token.strip().encode()
        # Every token is compared, so the response time does not reveal which one nearly matched.
        if scheme.lower() == "bearer" and sum(hmac.compare_digest(given, known) for known in self._tokens):
            return
        message = "a bearer token is required" if not given else "the bearer token is not valid"
        raise ErrorResponse(401, "UNAUTHENTICATED", message, _CHALLENGE)

    def reload_tokens(self) -> None:
        """Reload the tokens if their file changed; the old ones stay valid if the new file has an error."""
        if self._file is None or (state := _file_state(self._file)) == self._state:
            return
        self._state = state
        try:
            self._set_tokens(read_tokens(self._file))
        except SettingsError as error:
            print(f"worker {os.getpid()} keeps its current tokens: {error}", file=sys.stderr, flush=True)

    def _set_tokens(self, tokens: tuple[str, ...]) -> None:
        own = (self._own,) if self._own and tokens else ()
        self._tokens = [token.encode() for token in (*tokens, *own)]


def _file_state(file: Path | None) -> tuple[int, int, int] | None:
    try:
        found = file.stat() if file else None
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size) if found else None
