"""`slipway new .`: add to a repository that exists what it lacks to be a project, and never replace a file unasked."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit

from slipway.commands.project.file_changes import FileChange, read_text, write_all
from slipway.commands.project.new import link_locks, resolve_locks, write_project
from slipway.commands.project.render import is_made_once
from slipway.commands.project.template_values import check_name
from slipway.errors import SettingsError
from slipway.reporting.progress import SILENT, Progress
from slipway.settings.settings import CONTRACT_FILE, SETTINGS_FILE
from slipway.versioning.commit_types import PROJECT_FILE
from slipway.versioning.git.command import run

Decision = Callable[[FileChange], bool]
"""Says whether a file that exists may be changed."""


@dataclass(frozen=True)
class Adopted:
    """The files that were added, changed and kept as they were, by their paths in the repository."""

    added: list[str]
    changed: list[str]
    kept: list[str]


def adopt(
    root: Path, name: str, *, description: str = "", may_change: Decision, progress: Progress = SILENT
) -> Adopted:
    """Add a project's files to the repository at ``root``; ask ``may_change`` for each that exists with another content.

    Settings, features, the contract, the changelog, the README and tests that exist are always kept. A
    ``pyproject.toml`` gets what it lacks, and a ``.gitignore`` the lines that it lacks. Nothing is committed.

    Raises:
        SettingsError: the name is not allowed, or a file cannot be read.
        InitError: the dependencies cannot be resolved.
        StorageError: a file could not be written; every file is as it was.
    """
    check_name(name)
    root = root.absolute()
    remote = run(root, "remote", "get-url", "origin").stdout.strip()
    with tempfile.TemporaryDirectory(prefix="slipway-new-") as folder:
        staged = Path(folder, "project")
        write_project(staged, name, description=description, remote=remote, progress=progress)
        changes = [change for change in _plan(staged, root) if not change.is_applied]
        added = [change for change in changes if not change.path.exists()]
        accepted = [change for change in changes if change.path.exists() and may_change(change)]
        if any(change.path.name == PROJECT_FILE for change in accepted):
            resolved = _resolve_again(staged, root, [*added, *accepted])
            allowed = {change.path for change in [*added, *accepted]}  # a lock of theirs can be one that they keep
            added += [change for change in resolved if change.path in allowed]
        writes = {change.path: change for change in [*accepted, *added]}
        write_all(list(writes.values()))
        link_locks(root)
    written = {change.path for change in accepted}
    return Adopted(
        *([str(path.relative_to(root)) for path in group] for group in (
            sorted({change.path for change in added if change.path not in written}),
            sorted(written),
            sorted(change.path for change in changes if change.path not in writes),
        ))
    )  # fmt: skip


def _plan(staged: Path, root: Path) -> Iterator[FileChange]:
    has_settings = (root / SETTINGS_FILE).exists()
    for path in sorted(staged.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        inside = path.relative_to(staged).as_posix()
        theirs = root / inside
        if inside == ".gitignore" and theirs.is_file():
            yield FileChange(theirs, _add_lines(theirs, path), "what Slipway writes is ignored")
        elif inside == PROJECT_FILE and theirs.is_file():
            yield FileChange(theirs, _complete_toml(theirs, path), "dependency groups, and the rules for versions")
        elif inside == CONTRACT_FILE and has_settings:
            continue  # it follows from their own settings
        elif theirs.exists() and is_made_once(inside):
            continue
        else:
            yield FileChange(theirs, path.read_bytes(), "Slipway's own", replaces=True)


def _add_lines(theirs: Path, ours: Path) -> bytes:
    text = read_text(theirs)
    missing = [line for line in read_text(ours).splitlines() if line not in text.splitlines()]
    return (text if not text or text.endswith("\n") else text + "\n").encode() + "".join(
        f"{x}\n" for x in missing
    ).encode()


def _complete_toml(theirs: Path, ours: Path) -> bytes:
    """Return their pyproject.toml with every table and key that only ours has; none of theirs is changed."""
    try:
        document = tomlkit.parse(read_text(theirs))
    except tomlkit.exceptions.TOMLKitError as error:
        raise SettingsError(f"{theirs} is not valid TOML: {error}; nothing was changed") from None
    template = tomlkit.parse(read_text(ours))
    project: Any = document.setdefault("project", tomlkit.table())
    wanted: Any = template["project"]
    for key in ("name", "version"):
        if key not in project and key not in project.get("dynamic", ()):
            project[key] = wanted[key]
    dependencies = project.setdefault("dependencies", tomlkit.array())
    dependencies.extend(
        d for d in wanted["dependencies"] if not any(str(x).startswith("slipway-ml") for x in dependencies)
    )
    _add_missing(document, template, ("dependency-groups",))
    _add_missing(document, template, ("tool", "semantic_release"))
    return tomlkit.dumps(document).encode()


def _add_missing(document: Any, template: Any, path: tuple[str, ...]) -> None:
    for key in path[:-1]:
        document, template = document.setdefault(key, tomlkit.table(is_super_table=True)), template[key]
    last = path[-1]
    if last not in document:
        document[last] = template[last]
        return
    for key, value in template[last].items():
        if key not in document[last]:
            document[last][key] = value


def _resolve_again(staged: Path, root: Path, accepted: list[FileChange]) -> list[FileChange]:
    """Resolve the locks once more with their own dependencies, which the completed pyproject.toml names."""
    for change in accepted:
        (staged / change.path.relative_to(root)).write_bytes(change.content)
    resolve_locks(staged)
    return [
        FileChange(root / path.relative_to(staged), path.read_bytes(), "resolved with your dependencies")
        for path in sorted(staged.rglob("*.lock"))
        if not path.is_symlink()
    ]
