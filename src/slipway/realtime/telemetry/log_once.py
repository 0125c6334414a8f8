"""A log that cannot be written must not stop the answers, nor fill stderr with one message for each of them."""

from __future__ import annotations

import contextlib
import os
import sys


class LogOnce:
    """Says once that something cannot be written, and once that it can again."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._failing = False

    def report_failure(self, error: OSError) -> None:
        """It could not be written now."""
        if not self._failing:
            reason = error.strerror or str(error)
            self._print(f"{self._what} cannot be written: {reason}; its lines are dropped until it can")
        self._failing = True

    def report_recovery(self) -> None:
        """It was written now."""
        if self._failing:
            self._print(f"{self._what} is written again")
        self._failing = False

    def _print(self, sentence: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            print(f"worker {os.getpid()}: {sentence}", file=sys.stderr, flush=True)
