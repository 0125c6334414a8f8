"""Return the current time in the format of Slipway's files."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """Return the current UTC time in ISO 8601 with milliseconds, as the files of a target store it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
