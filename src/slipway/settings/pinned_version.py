"""Read which version of the library a project pins, and refuse to act on it with another one."""

from __future__ import annotations

import re
from pathlib import Path

import slipway
from slipway.__about__ import installed_version
from slipway.errors import WrongVersionError

_PIN = re.compile(r"""["']slipway-ml(?:\[[^\]]*\])?\s*==\s*([^\s"',;]+)""")


def pinned_version(root: Path) -> str:
    """Return the version that a project's pyproject.toml pins; empty if it pins none, or nothing is locked."""
    try:
        # The lock has 300 KB; the pin that it follows from is read instead.
        text = (root / "pyproject.toml").read_text(encoding="utf-8") if (root / "requirements.lock").is_file() else ""
    except (OSError, UnicodeDecodeError):
        return ""
    found = _PIN.search(text)
    return found[1] if found else ""


def check_pinned_version(root: Path) -> None:
    """Refuse a project that pins another version of the library than the one that runs.

    Raises:
        WrongVersionError: the versions differ.
    """
    pinned, running = pinned_version(root), installed_version()
    # Code that runs from its source does not know the commit in its version, as in 1.0.0+g1a2b3c4.
    from_source = (Path(slipway.__path__[0]).parent / "pyproject.toml").is_file()
    if pinned in ("", running) or (from_source and pinned.partition("+")[0] == running):
        return
    raise WrongVersionError(
        f"{root / 'pyproject.toml'} pins slipway-ml {pinned}, but this is {running}; use the project's own "
        ".venv/bin/slipway, which `make setup` installs, or `slipway upgrade` to change the pin; nothing was started"
    )
