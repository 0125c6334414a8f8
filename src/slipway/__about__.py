"""Under which name and version this project is installed: `slipway init` gives it a name of its own."""

from __future__ import annotations

import functools

_COMMAND = "slipway"


@functools.cache
def name_and_version() -> tuple[str, str]:
    """Name and version of the distribution that brings the command `slipway`, wherever it is installed."""
    from importlib.metadata import entry_points

    found = [entry.dist for entry in entry_points(group="console_scripts", name=_COMMAND) if entry.dist is not None]
    return (found[0].name, found[0].version) if found else (_COMMAND, "unknown")
