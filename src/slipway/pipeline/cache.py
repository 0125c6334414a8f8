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
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.__about__ import DISTRIBUTION
from slipway.pipeline.component import SCORES_FILE
from slipway.pipeline.project_files import component_folder
from slipway.storage.digests import digest_of, file_digest

OUTPUTS_FILE = "outputs.json"
LIBRARY = Path(__file__).parents[1]
Value = str | int | float | Path | dict[str, Any] | list[Any]


@dataclass(frozen=True)
class StepPlan:
    """A component and its arguments; it runs unless a finished step has the same key."""

    name: str
    folder: Path
    key: str
    arguments: dict[str, str]
    start_time: float


def plan_step(root: Path, name: str, parameters: Mapping[str, Value], extra_files: Iterable[Path]) -> StepPlan:
    """Plan a component of the project at ``root``; it reads ``extra_files`` without getting them as parameters."""
    began, folder = time.time(), component_folder(root, name)
    arguments = {key: _text(value) for key, value in parameters.items()}
    inputs = {key: file_digest(value) for key, value in parameters.items() if isinstance(value, Path)}
    own = {f"file {n}": _digest_if_readable(path) for n, path in enumerate(extra_files)}
    plain = {key: text for key, text in arguments.items() if key not in inputs}
    return StepPlan(name, folder, step_key(folder, plain, {**inputs, **own}), arguments, began)


def step_key(folder: Path, parameters: Mapping[str, str], inputs: Mapping[str, str]) -> str:
    """The sha256 of everything that a component's outputs can depend on.

    ``parameters`` are those of its command line, ``inputs`` the digests of the files that it reads.
    """
    files = list(component_files(folder))
    code = {f"{folder.name}/{path.relative_to(folder)}": path for path in files}
    code |= {str(path.relative_to(LIBRARY.parent)): path for path in library_modules(files)}
    facts = {
        "code": {name: file_digest(path) for name, path in sorted(code.items())},
        "environment": environment_digest(),
        "parameters": dict(parameters),
        "inputs": dict(inputs),
    }
    return digest_of(facts)


def component_files(folder: Path) -> Iterator[Path]:
    """Every file in a component's folder except its tests and Python byte code."""
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if path.is_file() and not ({"__pycache__", "tests"} & set(inside.parts[:-1]) or _is_test(path)):
            yield path


def library_modules(files: Iterable[Path]) -> set[Path]:
    """Every module of the installed library that these Python files import, directly or not."""
    found: set[Path] = set()
    waiting = [module for file in files if file.suffix == ".py" for module in _imports_of(file)]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(_imports_of(path))
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
def _imports_of(path: Path) -> tuple[Path, ...]:
    try:
        return tuple(_read_imports(path))
    except SyntaxError:  # the component reports it when it runs
        return ()


def _read_imports(path: Path) -> Iterator[Path]:
    # Parsed instead of imported: a component must not run while its key is computed.
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (file for name in names for file in _module_files(name))


def _module_files(module: str) -> Iterator[Path]:
    if module.split(".")[0] == LIBRARY.name:
        path = LIBRARY.parent.joinpath(*module.split("."))
        yield from (file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file())
        yield from path.parent.glob("*.j2")  # a module's templates are in its folder
