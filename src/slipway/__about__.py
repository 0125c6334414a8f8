"""Find the name and version of the installed distribution; `slipway init` changes the name."""

from __future__ import annotations

import functools

_COMMAND = "slipway"


@functools.cache
def name_and_version() -> tuple[str, str]:
    """Return the name and version of the distribution that provides the `slipway` command."""
    from importlib.metadata import entry_points

    # By the command and not by a distribution's name: a project that `slipway init` renamed installs the same command.
    found = [entry.dist for entry in entry_points(group="console_scripts", name=_COMMAND) if entry.dist is not None]
    return (found[0].name, found[0].version) if found else (_COMMAND, "unknown")
