"""Pin each version of the components that a project takes from another repository to its commit, in components.lock."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import ComponentsLockError, SettingsError
from slipway.pipeline.component_repository import (
    describe_moved_tag,
    fetch_tag,
    list_components,
    read_fetched,
    read_lock,
    versions_used,
)
from slipway.reporting.progress import Progress
from slipway.reporting.suggestions import did_you_mean
from slipway.settings.settings import COMPONENTS_LOCK, Settings
from slipway.storage import atomic

GROUP = "components"
"""The dependency group of a components repository: what its components need besides the library."""
REQUIREMENTS = Path("components", "requirements.in")
"""What these groups contain; `make lock` resolves it together with what the project needs."""
_HEAD = "# `slipway components lock` wrote this file; commit it."
_REQUIREMENT = re.compile(r"[A-Za-z0-9][^\r\n]*")
"""A line that begins otherwise could be an option of pip, such as another index."""


@dataclass(frozen=True)
class LockedComponents:
    """The commit of each version, and whether the packages that these versions need have changed."""

    repository: str
    commits: Mapping[str, str]
    requirements_changed: bool


def lock_components(settings: Settings, progress: Progress) -> LockedComponents:
    """Fetch every version that the settings name, and write the lock and the requirements.

    Raises:
        SettingsError: there is no components repository, or a version lacks a component that the settings name.
        NotFoundError: a version cannot be fetched.
        ComponentsLockError: a tag is at another commit than when it was locked.
    """
    root, repository = settings.root, settings.components.repository
    if not (used := versions_used(settings)):
        raise SettingsError(
            f"{settings.source.file} names no components repository: set components.repository and components.version"
        )
    commits = {}
    for tag in used:
        with progress.step_timer(f"fetch {tag}"):
            commits[tag] = fetch_tag(root, repository, tag)
    lock = read_lock(root)
    if lock and lock.repository == repository:
        _check_tags(repository, lock.commits, commits)
    _check_names(settings, commits)
    lines = "".join(f"{json.dumps(tag)} = {json.dumps(commit)}\n" for tag, commit in commits.items())
    text = f"{_HEAD}\nrepository = {json.dumps(repository)}\n\n[commits]\n{lines}"
    changed = _write_requirements(root, commits)
    atomic.write_file(root / COMPONENTS_LOCK, text.encode())
    return LockedComponents(repository, commits, changed)


def _check_tags(repository: str, locked: Mapping[str, str], found: Mapping[str, str]) -> None:
    for tag, commit in found.items():
        if locked.get(tag, commit) != commit:
            moved = describe_moved_tag(repository, tag, locked[tag], commit)
            raise ComponentsLockError(
                f"{moved}; a released version must never change; nothing was written. If the owners of the repository "
                f"confirm the new commit, remove the line of {tag} from {COMPONENTS_LOCK} and run this again"
            )


def _check_names(settings: Settings, commits: Mapping[str, str]) -> None:
    if empty := [tag for tag, commit in commits.items() if not list_components(settings.root, commit)]:
        raise SettingsError(
            f"{', '.join(empty)} of {settings.components.repository} has no folder components/, so it is not a components "
            "repository; nothing was written"
        )
    for name, tag in settings.components.versions.items():
        known = list_components(settings.root, commits[tag])
        if name not in known:
            origin = settings.source.origin_of(("components", "versions", name))
            raise SettingsError(
                f"{origin}: {tag} of {settings.components.repository} has no component '{name}'"
                f"{did_you_mean(name, set(known))}; nothing was written"
            )


def _write_requirements(root: Path, commits: Mapping[str, str]) -> bool:
    """Write the requirements of these commits, or remove the file if there are none; return whether it changed."""
    file = root / REQUIREMENTS
    lines = [f"{line}  # {tag}" for tag, commit in commits.items() for line in _requirements_of(root, tag, commit)]
    new = "\n".join([_HEAD, *lines, ""]) if lines else ""
    old = file.read_text(encoding="utf-8") if file.is_file() else ""
    if new == old:
        return False
    if new:
        file.parent.mkdir(exist_ok=True)
        atomic.write_file(file, new.encode())
    else:
        file.unlink()
    return True


def _requirements_of(root: Path, tag: str, commit: str) -> Iterator[str]:
    try:
        groups = tomllib.loads(read_fetched(root, commit, "pyproject.toml")).get("dependency-groups", {})
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"pyproject.toml in {tag} of the components repository is not valid: {error}") from None
    for line in groups.get(GROUP, ()):
        if not isinstance(line, str) or not _REQUIREMENT.fullmatch(line):
            raise SettingsError(
                f"the dependency group {GROUP} in {tag} of the components repository has {line!r}, which is not a "
                "package; nothing was written"
            )
        yield line
