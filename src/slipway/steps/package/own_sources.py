"""Collect the Python files of a project's own classes, so that a model directory can carry them."""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from importlib.metadata import packages_distributions, version
from pathlib import Path

_INSTALLED = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib"))
_LIBRARY = "slipway"


def own_sources(classes: Iterable[str]) -> dict[str, bytes]:
    """Return the files of the packages and modules that define these classes, and of all that these import.

    What is installed in the environment is left out: it is in the lock.
    """
    waiting, seen, found = [_top(name) for name in classes], {_LIBRARY}, dict[str, bytes]()
    while waiting:
        if (top := waiting.pop()) not in seen:
            seen.add(top)
            for inside, file in _files_of(top):
                found[inside] = file.read_bytes()
                waiting += _imported_names(found[inside])
    return dict(sorted(found.items()))


def pins_of_installed(classes: Iterable[str]) -> list[str]:
    """Return a pin ``name==version`` of each installed distribution that defines one of these classes."""
    tops = {top for top in map(_top, classes) if not list(_files_of(top))}
    known = packages_distributions() if tops else {}
    return sorted({f"{name}=={version(name)}" for top in tops for name in known.get(top, ())})


def _files_of(top: str) -> Iterator[tuple[str, Path]]:
    """Yield the files of a package or module that is not installed, each with its path in the archive."""
    spec = PathFinder.find_spec(top)
    folders = [Path(folder) for folder in (spec and spec.submodule_search_locations) or ()]
    places = folders or ([Path(spec.origin)] if spec and spec.origin else [])
    for place in places:
        if not any(place.resolve().is_relative_to(folder) for folder in _INSTALLED):
            for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
                yield file.relative_to(place.parent).as_posix(), file


def _imported_names(source: bytes) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (_top(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield _top(node.module)


def _top(name: str) -> str:
    return name.partition(".")[0]
