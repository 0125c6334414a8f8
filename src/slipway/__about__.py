"""The installed version of the library."""

from __future__ import annotations

import functools

DISTRIBUTION = "slipway-ml"


@functools.cache
def installed_version() -> str:
    """Return the version of the installed distribution; "unknown" where only the package's folder is on the path."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "unknown"
