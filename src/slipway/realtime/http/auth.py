"""Bearer tokens: who may ask. They come from a file, which may change while the server runs, or from the environment."""

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
    """The tokens of a file, one on each line (# begins a comment), or else of the environment; none: all may ask.

    Raises:
        SettingsError: the file cannot be read or holds none, or a token is too short or no token at all.
    """
    try:
        text = os.environ.get(TOKENS_VARIABLE, "") if file is None else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the tokens in {file} cannot be read: {error}") from None
    tokens = tuple(line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    origin = TOKENS_VARIABLE if file is None else str(file)
    if file is not None and not tokens:
        raise SettingsError(f"{origin} holds no token, so nobody could ask; write one on each line")
    for number, token in enumerate(tokens, 1):
        if len(token) < _MIN_TOKEN_LENGTH or not token.isascii() or len(token.split()) != 1:
            raise SettingsError(
                f"token {number} of {origin} must have at least {_MIN_TOKEN_LENGTH} ASCII characters and no space but has "
                f"{len(token)}; `openssl rand -hex 32` makes a good one"
            )
    return tokens


class BearerAuth:
    """Lets those in who bring one of the tokens; ``own`` is what a rollout on this machine brings."""

    def __init__(self, file: Path | None, rollout_token: str | None = None) -> None:
        self._file, self._own = file, rollout_token
        self._state = _file_state(file)
        self._set_tokens(read_tokens(file))

    @property
    def is_required(self) -> bool:
        """Must a caller bring a token?"""
        return bool(self._tokens)

    def check(self, headers: Mapping[str, str]) -> None:
        """Let a request pass that may ask.

        Raises:
            Refusal: it brings no token, or one that is not known.
        """
        if not self._tokens:
            return
        scheme, _, token = (headers.get("authorization") or "").partition(" ")
        given = token.strip().encode()
        # Every token is compared, so the time says nothing of which one was close.
        if scheme.lower() == "bearer" and sum(hmac.compare_digest(given, known) for known in self._tokens):
            return
        told = "a bearer token is needed" if not given else "the bearer token is not one that this server knows"
        raise ErrorResponse(401, "UNAUTHENTICATED", told, _CHALLENGE)

    def reload_tokens(self) -> None:
        """Take the tokens of a file that has changed; the old ones stay valid where the new file is not right."""
        if self._file is None or (state := _file_state(self._file)) == self._state:
            return
        self._state = state
        try:
            self._set_tokens(read_tokens(self._file))
        except SettingsError as error:
            print(f"worker {os.getpid()} keeps the tokens that it has: {error}", file=sys.stderr, flush=True)

    def _set_tokens(self, tokens: tuple[str, ...]) -> None:
        own = (self._own,) if self._own and tokens else ()
        self._tokens = [token.encode() for token in (*tokens, *own)]


def _file_state(file: Path | None) -> tuple[int, int, int] | None:
    try:
        found = file.stat() if file else None
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size) if found else None
