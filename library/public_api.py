"""The public modules of the library, and what in them breaks callers between two versions.

A public module's public names are those in its ``__all__``, or without one all that it defines and that have no underscore.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe

from slipway.reporting.sanitize import one_line
from slipway.versioning.library_wheel import SOURCE

PUBLIC_MODULES = (
    "slipway.errors",
    "slipway.pipeline.candidate",
    "slipway.pipeline.component",
    "slipway.pipeline.flow",
    "slipway.pipeline.parameters",
    "slipway.pipeline.run",
    "slipway.reporting.markdown",
    "slipway.reporting.numbers",
    "slipway.reporting.progress",
    "slipway.reporting.sanitize",
    "slipway.reporting.suggestions",
    "slipway.settings.settings",
    "slipway.steps.evaluate",
    "slipway.steps.ingest",
    "slipway.steps.package",
    "slipway.steps.split",
    "slipway.steps.train",
    "slipway.steps.validate",
)
_OPTIONS: dict[str, Any] = {"allow_inspection": False, "resolve_aliases": True, "resolve_external": False}
_COLOR = re.compile(r"\x1b\[\d+m")
_LOCATION = re.compile(r"^\S+:\d+: ")


def load_api(source: Path) -> griffe.Module:
    """Read the library in a folder that contains ``slipway/``; nothing of it is imported."""
    return _as_module(griffe.load("slipway", search_paths=[source], try_relative_path=False, **_OPTIONS))


def load_api_at(root: Path, revision: str) -> griffe.Module:
    """Read the library of a commit or tag of the repository."""
    return _as_module(griffe.load_git("slipway", ref=revision, repo=root, search_paths=[SOURCE], **_OPTIONS))


def _as_module(loaded: griffe.Object | griffe.Alias) -> griffe.Module:
    if not isinstance(loaded, griffe.Module):
        raise TypeError(f"{loaded.path} is a {loaded.kind.value}, not a module")
    return loaded


def public_names(api: griffe.Module, module: str) -> list[str]:
    """Return the public names of a public module, sorted."""
    found = api[_inside(module)]
    return sorted(name for name, member in found.members.items() if member.is_public and not member.is_module)


def breaking_changes(old: griffe.Module, new: griffe.Module) -> list[str]:
    """Return a line for each change of the public API that can break a caller."""
    found = {line for module in PUBLIC_MODULES for line in _changes_of(module, old, new)}
    return sorted(found | set(_changed_exit_codes(old, new)))


def _changes_of(module: str, old: griffe.Module, new: griffe.Module) -> Iterator[str]:
    path = _inside(module)
    try:
        before = old[path]
    except KeyError:
        return  # the module is new
    try:
        after = new[path]
    except KeyError:
        yield f"{module}: the module was removed"
        return
    # griffe finds a name that was removed, but not one that is no longer in `__all__`.
    removed = [name for name in public_names(old, module) if name not in public_names(new, module)]
    yield from (f"{module}: {name}: is no longer public" for name in removed)
    for breakage in griffe.find_breaking_changes(before, after):
        if breakage.obj.name not in removed:
            yield _describe(module, breakage)


def _changed_exit_codes(old: griffe.Module, new: griffe.Module) -> Iterator[str]:
    """Yield the exit codes that changed; griffe does not compare values."""
    before, after = _exit_codes(old), _exit_codes(new)
    for error in before.keys() & after.keys():
        if before[error] != after[error]:
            yield f"slipway.errors: {error}.exit_code: {before[error]} became {after[error]}"


def _exit_codes(api: griffe.Module) -> dict[str, str]:
    classes = api["errors"].classes
    return {name: str(error["exit_code"].value) for name, error in classes.items() if "exit_code" in error.members}


def _describe(module: str, breakage: griffe.Breakage) -> str:
    """For example ``slipway.steps.split: write_split(target): parameter was removed``."""
    plain = _COLOR.sub("", breakage.explain(griffe.ExplanationStyle.ONE_LINE))
    name, _, change = _LOCATION.sub("", plain).partition(": ")
    return one_line(f"{module}: {name}: {change[:1].lower()}{change[1:]}", 200)


def _inside(module: str) -> str:
    return module.removeprefix("slipway.")
