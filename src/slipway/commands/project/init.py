"""`slipway init`: turn a fresh copy of the template into a new project, completely or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import tomlkit

from slipway.commands.project.file_changes import FileChange, read_text, write_all
from slipway.commands.project.template_values import check_name, default_description
from slipway.contract.schema import encode_contract
from slipway.errors import InitError
from slipway.settings.settings import CONTRACT_FILE, Settings, load_settings
from slipway.versioning.commit_types import PROJECT_FILE
from slipway.versioning.git.checkout import list_changes, newest_tag

CHANGELOG = "# Changelog\n\n<!-- version list -->\n"
"""The empty changelog. python-semantic-release inserts each release after the mark, and nothing without the mark."""
_INITIAL_VERSION = "0.0.0"
_TEMPLATE_TITLE = "# Slipway\n"
_README = Path(__file__).with_name("readme.txt")


def initialize(settings_file: Path, name: str, *, description: str = "", force: bool = False) -> list[str]:
    """Turn the copy at ``settings_file`` into the project ``name`` and return one line per changed file.

    The example's data, features and estimator stay until you replace them, so everything keeps running. A project that
    has this name already is left as it is.

    Raises:
        SettingsError: the name is not allowed, or a settings file cannot be read.
        InitError: there are uncommitted changes or releases, and ``force`` is not set.
        StorageError: a file could not be written; every file is unchanged.
    """
    check_name(name)
    settings = load_settings(settings_file)
    plan = [change for change in _plan_changes(settings, settings_file, name, description) if not change.is_applied]
    if plan and not force:
        _check_fresh_copy(settings.root)
    write_all(plan)
    return [f"{change.path.name}: {change.summary}" for change in plan]


def _plan_changes(settings: Settings, settings_file: Path, name: str, description: str) -> Iterator[FileChange]:
    root = settings.root
    project = root / PROJECT_FILE
    text, shown_description = _rename_project(read_text(project), name, description)
    yield FileChange(
        project, text.encode(), f"name {name}, description, and version {_INITIAL_VERSION}; the first release is 1.0.0"
    )
    document = tomlkit.parse(read_text(settings_file))
    document["name"] = name
    yield FileChange(
        settings_file, tomlkit.dumps(document).encode(), f"model name {name}; data and estimator are unchanged"
    )
    contract = msgspec.structs.replace(settings.contract, name=name)
    yield FileChange(root / CONTRACT_FILE, encode_contract(contract), "written from the settings")
    yield FileChange(root / "CHANGELOG.md", CHANGELOG.encode(), "empty, ready for the first release")
    readme = root / "README.md"
    if not readme.exists() or read_text(readme).startswith(_TEMPLATE_TITLE):
        page = read_text(_README).format(name=name, description=shown_description)
        yield FileChange(readme, page.encode(), "a first page for your project")


def _rename_project(text: str, name: str, description: str) -> tuple[str, str]:
    """Return the project file with its new name, and the description in it."""
    document = tomlkit.parse(text)
    project: Any = document["project"]
    if description or project["name"] != name:
        project["description"] = description or default_description(name)
    project["name"], project["version"] = name, _INITIAL_VERSION
    return tomlkit.dumps(document), str(project.get("description", ""))


def _check_fresh_copy(root: Path) -> None:
    if names := list_changes(root):
        raise InitError(f"{root} has uncommitted changes ({names}); commit them, or use --force; nothing was changed")
    if tag := newest_tag(root):
        raise InitError(
            f"{root} already has releases, the last one {tag}, so it is not a fresh copy; --force proceeds anyway, but "
            "the next version still follows that tag; nothing was changed"
        )
