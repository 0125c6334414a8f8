"""The time as every file of ours writes it."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """The time in UTC, as all files of a target write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
