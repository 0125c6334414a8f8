"""The one table of commit types and release branches: python-semantic-release's own settings in `pyproject.toml`."""

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
    """Each commit type that exists, in the table's order, and what a commit of it releases.

    Raises:
        SettingsError: there is no table, or it promises a release for a type that it does not allow.
    """
    options = parser_options(root)
    minor, patch = (tuple(options.get(name, ())) for name in ("minor_tags", "patch_tags"))
    allowed = tuple(options["allowed_tags"])
    if lost := [name for name in (*minor, *patch) if name not in allowed]:
        raise SettingsError(
            f"{PROJECT_FILE}: '{lost[0]}' stands in {_PARSER} but not in allowed_tags, so it would release nothing"
        )
    return {name: "minor" if name in minor else "patch" if name in patch else "none" for name in allowed}


def parser_options(root: Path) -> dict[str, Any]:
    """The settings of the commit parser, as they stand in `pyproject.toml`.

    Raises:
        SettingsError: there are none.
    """
    options: dict[str, Any] = _section(root).get(_PARSER, {})
    if not options.get("allowed_tags"):
        raise SettingsError(f"{root / PROJECT_FILE} has no [tool.semantic_release.{_PARSER}] with allowed_tags")
    return options


def is_release_branch(root: Path, branch: str) -> bool:
    """Whether releases are made from this branch."""
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
        raise SettingsError(f"{path} has no [tool.semantic_release], so no version can be decided")
    return section
