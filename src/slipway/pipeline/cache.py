"""Content keys for the step cache: a step is reused if its code, environment, parameters and inputs are unchanged.

Its stored files must be intact too: they are compared with the digests that were recorded when the step finished.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import json
import platform
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.__about__ import DISTRIBUTION
from slipway.pipeline.component import SCORES_FILE
from slipway.pipeline.project_files import Component
from slipway.storage.digests import digest_of, file_digest

OUTPUTS_FILE = "outputs.json"
LIBRARY = Path(__file__).parents[1]
_DOTTED_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
"""How a parameter names a class."""
Value = str | int | float | Path | dict[str, Any] | list[Any]


@dataclass(frozen=True)
class StepPlan:
    """A component and its arguments; it runs unless a finished step has the same key."""

    component: Component
    key: str
    arguments: dict[str, str]
    start_time: float

    @property
    def name(self) -> str:
        """The name of the step."""
        return self.component.name


def plan_step(component: Component, parameters: Mapping[str, Value], extra_files: Iterable[Path]) -> StepPlan:
    """Plan a component; it reads ``extra_files`` without getting them as parameters."""
    began = time.time()
    arguments = {key: _text(value) for key, value in parameters.items()}
    inputs = {key: file_digest(value) for key, value in parameters.items() if isinstance(value, Path)}
    own = {f"file {n}": _digest_if_readable(path) for n, path in enumerate(extra_files)}
    plain = {key: text for key, text in arguments.items() if key not in inputs}
    key = step_key(component.folder, plain, {**inputs, **own}, component.imports, extra_files, component.version)
    return StepPlan(component, key, arguments, began)


def step_key(
    folder: Path,
    parameters: Mapping[str, str],
    inputs: Mapping[str, str],
    import_folders: Sequence[Path] = (),
    extra_files: Iterable[Path] = (),
    version: Mapping[str, str] | None = None,
) -> str:
    """The sha256 of everything that a component's outputs can depend on.

    ``parameters`` are those of its command line, ``inputs`` the digests of the files that it reads. What its files, the
    ``extra_files`` and the classes that a parameter names import from the project's ``import_folders`` counts too, and
    so does the ``version`` of a component of another repository.
    """
    files = list(component_files(folder))
    names = [name for text in parameters.values() for name in text.split(",") if _DOTTED_NAME.fullmatch(name)]
    code = {f"{folder.name}/{path.relative_to(folder)}": path for path in files}
    folders = [LIBRARY.parent, *import_folders]
    imported = imported_files([*files, *extra_files], names, folders)
    # Of two modules with the same name, Python imports the one in the first folder.
    for base, path in sorted(imported, key=lambda found: folders.index(found[0]), reverse=True):
        code[f"{base.name}/{path.relative_to(base)}"] = path
    facts = {
        "code": {name: file_digest(path) for name, path in sorted(code.items())},
        "environment": environment_digest(),
        "parameters": dict(parameters),
        "inputs": dict(inputs),
        **({"version": dict(version)} if version else {}),
    }
    return digest_of(facts)


def component_files(folder: Path) -> Iterator[Path]:
    """Every file in a component's folder except its tests and Python byte code."""
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if path.is_file() and not ({"__pycache__", "tests"} & set(inside.parts[:-1]) or _is_test(path)):
            yield path


def imported_files(files: Iterable[Path], names: Iterable[str], folders: Sequence[Path]) -> set[tuple[Path, Path]]:
    """Every file in ``folders`` that these Python files or modules import, directly or not, each with its folder.

    A package brings the data files in it.
    """
    programs = [file for file in files if file.suffix == ".py" and file.is_file()]
    waiting = {*names, *(name for file in programs for name in _imports_of(file))}
    found: set[tuple[Path, Path]] = set()
    seen: set[str] = set()
    while waiting:
        seen.add(name := waiting.pop())
        for base, path in [(folder, path) for folder in folders for path in _module_files(name, folder)]:
            found.add((base, path))
            if path.suffix == ".py":
                waiting |= {_absolute(imported, path, base) for imported in _imports_of(path)} - seen
    return found


@functools.cache
def environment_digest() -> str:
    """Digest of Python, platform and every installed version except the library's own.

    The library's modules are part of the step's code, so a new version that changes none of them keeps the cache.
    """
    own = f"Name: {DISTRIBUTION}"
    others = sorted(names for d in importlib.metadata.distributions() if own not in (names := _name_and_version(d)))
    text = "\n".join([platform.python_version(), platform.platform(), *("==".join(names) for names in others)])
    return hashlib.sha256(text.encode()).hexdigest()


def outputs_of(folder: Path) -> str:
    """Content of ``outputs.json``: the sha256 of every file in the folder, by relative path."""
    return json.dumps(_digests(folder), indent=1, sort_keys=True) + "\n"


def outputs_digest(outputs: str) -> str:
    """The sha256 of ``outputs.json``, which is kept as a tag of the run, away from the files."""
    return hashlib.sha256(outputs.encode()).hexdigest()


def describe_change(folder: Path, digest: str) -> str:
    """Describe how the folder's files differ from those that ``outputs.json`` with this digest lists; empty if equal."""
    listed = folder / OUTPUTS_FILE
    if not listed.is_file():
        return f"{listed} is missing"
    if file_digest(listed) != digest:
        return f"{listed} has changed since the step finished"
    recorded, found = json.loads(listed.read_bytes()), _digests(folder)
    for name in sorted({*recorded, *found}):
        if recorded.get(name) != found.get(name):
            what = "was removed" if name not in found else "was added" if name not in recorded else "has changed"
            return f"{folder / name} {what} since the step finished"
    return ""


def scores_in(folder: Path) -> dict[str, float]:
    """Read the scores that a component wrote with its files."""
    scores: dict[str, float] = json.loads((folder / SCORES_FILE).read_bytes())
    return scores


def _digests(folder: Path) -> dict[str, str]:
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: file_digest(path) for name, path in files.items() if name != OUTPUTS_FILE}


def _digest_if_readable(path: Path) -> str:
    """The file's digest; empty if it cannot be read, since the component reports that with a better message."""
    try:
        return file_digest(path)
    except OSError:
        return ""


def _text(value: Value) -> str:
    return json.dumps(value, sort_keys=True, default=str) if isinstance(value, dict | list) else str(value)


def _name_and_version(distribution: importlib.metadata.Distribution) -> list[str]:
    """The lines with name and version. Parsing all of the metadata would take a tenth of a fully cached run."""
    headers = (distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or "").partition("\n\n")[0]
    return sorted(line for line in headers.splitlines() if line.startswith(("Name: ", "Version: ")))


def _is_test(path: Path) -> bool:
    name = path.name
    return name == "conftest.py" or name.startswith("test_") or path.stem.endswith("_test") or path.suffix == ".pyc"


@functools.cache
def _imports_of(path: Path) -> tuple[str, ...]:
    """The names that a file imports; a relative one begins with its dots."""
    try:
        return tuple(_read_imports(path))
    except SyntaxError:  # the component reports it when it runs
        return ()


def _read_imports(path: Path) -> Iterator[str]:
    # Parsed instead of imported: a component must not run while its key is computed.
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module}.{alias.name}" if node.module else f"{module}{alias.name}" for alias in node.names)


def _absolute(name: str, path: Path, base: Path) -> str:
    """The full name of an import in the module at ``path``."""
    inside = name.lstrip(".")
    if level := len(name) - len(inside):
        package = path.relative_to(base).parts[:-level]
        return ".".join([*package, *([inside] if inside else [])])
    return name


def _module_files(module: str, folder: Path) -> Iterator[Path]:
    parts = module.split(".")
    if not all(parts) or (parts[0] == LIBRARY.name) != (folder == LIBRARY.parent):
        return
    for depth in range(1, len(parts) + 1):  # importing a.b runs a/__init__.py first
        path = folder.joinpath(*parts[:depth])
        yield from (file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file())
        if depth > 1 and path.parent.is_dir():  # such as a page's template
            yield from (file for file in path.parent.iterdir() if file.is_file() and file.suffix not in (".py", ".pyc"))
