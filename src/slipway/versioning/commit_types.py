"""Read the commit types and release branches from python-semantic-release's settings in `pyproject.toml`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from slipway.contract.compatibility import Level
from slipway.errors import SettingsError

PROJECT_FILE = "pyproject.toml"
_PARSER = "commit_parser_options"


def commit_types(root: Path) -> dict[str, Level]:
    """Return each allowed commit type, in the table's order, and the version bump that it releases.

    Raises:
        SettingsError: the table is missing, or a type that should release is not in allowed_tags.
    """
    options = parser_options(root)
    minor, patch = (tuple(options.get(name, ())) for name in ("minor_tags", "patch_tags"))
    allowed = tuple(options["allowed_tags"])
    if missing := [name for name in (*minor, *patch) if name not in allowed]:
        raise SettingsError(
            f"{PROJECT_FILE}: '{missing[0]}' is in {_PARSER} but not in allowed_tags, so it would release nothing"
        )
    return {name: "minor" if name in minor else "patch" if name in patch else "none" for name in allowed}


def parser_options(root: Path) -> dict[str, Any]:
    """Return the settings of the commit parser in `pyproject.toml`.

    Raises:
        SettingsError: there are no such settings.
    """
    options: dict[str, Any] = _section(root).get(_PARSER, {})
    if not options.get("allowed_tags"):
        raise SettingsError(f"{root / PROJECT_FILE} has no [tool.semantic_release.{_PARSER}] with allowed_tags")
    return options


def is_release_branch(root: Path, branch: str) -> bool:
    """Return whether releases are made from this branch."""
    patterns = [str(group["match"]) for group in _section(root).get("branches", {}).values()]
    return any(re.match(pattern, branch) for pattern in patterns)


def _section(root: Path) -> dict[str, Any]:
    path = root / PROJECT_FILE
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from None
    section: dict[str, Any] = document.get("tool", {}).get("semantic_release", {})
    if not section:
        raise SettingsError(f"{path} has no [tool.semantic_release], so the next version cannot be determined")
    return section
