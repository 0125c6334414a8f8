"""A project's own classes in a model: which of them are trusted, and their code, which the bundle carries.

A compiled model needs neither. The code runs when the model is loaded, so it is read only where the bundle names such
classes, and after the bundle's digests and signature were verified.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from zipfile import ZipFile

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
    """The own classes of a bundle, and the archive with the Python files that define them."""

    classes: tuple[str, ...] = ()
    archive: bytes = b""

    @contextmanager
    def importable(self) -> Iterator[None]:
        """Make the modules importable in the block; a module of the same name from elsewhere is back after it.

        So a process can load two releases of the same class. Their modules must import what they need at the top of the
        file, since an import inside a function would run after the block.
        """
        if not self.classes:
            yield
            return
        with NamedTemporaryFile(suffix=".zip") as file, _IMPORTING:
            file.write(self.archive)
            file.flush()
            names = {name.split("/")[0].removesuffix(".py") for name in ZipFile(file.name).namelist()}
            others = _remove_modules(names)
            sys.path.insert(0, file.name)
            try:
                yield
            finally:
                sys.path.remove(file.name)
                sys.path_importer_cache.pop(file.name, None)
                _remove_modules(names)
                sys.modules.update(others)


def read_own_code(files: Mapping[str, bytes]) -> OwnCode:
    """Read the own classes of a bundle from its files by name; none if it has no list of classes.

    Raises:
        BundleError: the list is damaged, or there is no archive.
    """
    if CLASSES_FILE not in files:
        return OwnCode()
    try:
        return OwnCode(msgspec.json.decode(files[CLASSES_FILE], type=tuple[str, ...]), files[CODE_ARCHIVE])
    except (msgspec.DecodeError, KeyError) as error:
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
