"""Reports the failure and the recovery of a log once each, instead of once per request."""

from __future__ import annotations

import contextlib
import os
import sys


class LogOnce:
    """Prints one message when a log cannot be written, and one when it can be written again."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._failing = False

    def report_failure(self, error: OSError) -> None:
        """Record a failed write."""
        if not self._failing:
            reason = error.strerror or str(error)
            self._print(f"{self._what} cannot be written: {reason}; lines are dropped until it can be written again")
        self._failing = True

    def report_recovery(self) -> None:
        """Record a successful write."""
        if self._failing:
            self._print(f"{self._what} can be written again")
        self._failing = False

    def _print(self, sentence: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            print(f"worker {os.getpid()}: {sentence}", file=sys.stderr, flush=True)
