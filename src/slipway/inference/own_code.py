"""A project's own classes in a model: which of them are trusted, and their code, which the bundle carries.

A compiled model needs neither. The code runs when the model is loaded, so it is read only where the bundle names such
classes, and after the bundle's digests and signature were verified.
"""

from __future__ import annotations

import importlib
import io
import pkgutil
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType
from typing import Any
from zipfile import BadZipFile, ZipFile

import msgspec

from slipway.errors import BundleError, SettingsError
from slipway.reporting.suggestions import closest_match

CODE_ARCHIVE = "code.zip"
"""The loader for MLflow, and the modules of the project's own classes."""
CLASSES_FILE = "own_classes.json"
"""The project's own classes in ``model.skops``, as the settings of its training named them."""

_IMPORTING = threading.RLock()


@dataclass(frozen=True)
class OwnCode:
    """The own classes of a bundle, and the Python files that define them, by their path."""

    classes: tuple[str, ...] = ()
    sources: Mapping[str, bytes] = field(default_factory=dict)

    @contextmanager
    def importable(self) -> Iterator[None]:
        """Make the modules importable in the block; a module of the same name from elsewhere is back after it.

        So a process can load two releases of the same class. Their modules must import what they need at the top of the
        file, since an import inside a function would run after the block.
        """
        finder, names = _ArchiveFinder(self.sources), {path.split("/")[0].removesuffix(".py") for path in self.sources}
        with _IMPORTING:
            others = _remove_modules(names)
            sys.meta_path.insert(0, finder)
            try:
                yield
            finally:
                sys.meta_path.remove(finder)
                _remove_modules(names)
                sys.modules.update(others)


def read_own_code(files: Mapping[str, bytes]) -> OwnCode:
    """Read the own classes of a bundle from its files by name; none if it has no list of classes.

    Raises:
        BundleError: the list or the archive is damaged.
    """
    if CLASSES_FILE not in files:
        return OwnCode()
    try:
        classes = msgspec.json.decode(files[CLASSES_FILE], type=tuple[str, ...])
        with ZipFile(io.BytesIO(files.get(CODE_ARCHIVE, b""))) as archive:
            return OwnCode(classes, {name: archive.read(name) for name in archive.namelist()})
    except (msgspec.DecodeError, BadZipFile) as error:
        raise BundleError(f"{CLASSES_FILE} or {CODE_ARCHIVE} of the bundle cannot be read: {error}") from None


def read_own_code_in(folder: Path) -> OwnCode:
    """Read the own classes of a model directory that is not sealed yet."""
    paths = [folder / name for name in (CLASSES_FILE, CODE_ARCHIVE)]
    return read_own_code({path.name: path.read_bytes() for path in paths if path.is_file()})


def find_class(class_path: str, setting: str) -> Any:
    """Import what ``package.module.Name`` names.

    Raises:
        SettingsError: it cannot be imported; the message begins with ``setting`` and suggests the nearest name.
    """
    module, _, name = class_path.rpartition(".")
    try:
        home = importlib.import_module(module)
    except (ImportError, ValueError) as error:
        top = module.partition(".")[0]
        is_missing = isinstance(error, ModuleNotFoundError) and error.name == top
        meant = closest_match(top, {found.name for found in pkgutil.iter_modules()}) if is_missing else ""
        hint = f"; did you mean '{meant}'?" if meant else ""
        raise SettingsError(f"{setting}: cannot import the module of '{class_path}': {error}{hint}") from None
    if not hasattr(home, name):
        meant = closest_match(name, dir(home))
        hint = f"; did you mean '{module}.{meant}'?" if meant else ""
        raise SettingsError(f"{setting}: {module} has no '{name}'{hint}")
    return getattr(home, name)


def stored_names(class_paths: Iterable[str]) -> list[str]:
    """Return the names under which a model stores these classes: each with the module that defines it.

    Raises:
        SettingsError: a class cannot be imported.
    """
    found = [find_class(path, "train.own_classes") for path in class_paths]
    return [f"{one.__module__}.{one.__qualname__}" for one in found]


def _remove_modules(names: set[str]) -> dict[str, Any]:
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in names}


class _ArchiveFinder(MetaPathFinder, InspectLoader):
    """Imports modules from memory: nothing is written, and what runs is what was verified."""

    def __init__(self, sources: Mapping[str, bytes]) -> None:
        self._sources = sources

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if file := self._file(fullname):
            return spec_from_loader(fullname, self, origin=f"{CODE_ARCHIVE}/{file}")
        # A folder without `__init__.py` is a package too.
        inside = any(name.startswith(fullname.replace(".", "/") + "/") for name in self._sources)
        return ModuleSpec(fullname, None, is_package=True) if inside else None

    def is_package(self, fullname: str) -> bool:
        return self._file(fullname).endswith("/__init__.py")

    def get_source(self, fullname: str) -> str:
        return self._sources[self._file(fullname)].decode()

    def get_code(self, fullname: str) -> CodeType:
        file = self._file(fullname)
        code: CodeType = compile(self._sources[file], f"{CODE_ARCHIVE}/{file}", "exec", dont_inherit=True)
        return code

    def _file(self, fullname: str) -> str:
        base = fullname.replace(".", "/")
        return next((file for file in (f"{base}/__init__.py", f"{base}.py") if file in self._sources), "")
