"""A log that cannot be written must not stop the answers, nor fill stderr with one message for each of them."""

from __future__ import annotations

import contextlib
import os
import sys


class Outage:
    """Says once that something cannot be written, and once that it can again."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._lasts = False

    def met(self, error: OSError) -> None:
        """It could not be written now."""
        if not self._lasts:
            reason = error.strerror or str(error)
            self._say(f"{self._what} cannot be written: {reason}; its lines are dropped until it can")
        self._lasts = True

    def over(self) -> None:
        """It was written now."""
        if self._lasts:
            self._say(f"{self._what} is written again")
        self._lasts = False

    def _say(self, sentence: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            print(f"worker {os.getpid()}: {sentence}", file=sys.stderr, flush=True)
