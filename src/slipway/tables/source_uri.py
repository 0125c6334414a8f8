"""Resolve the URI of a data file: a path, a file in an installed package, or a URL for fsspec."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from slipway.errors import SettingsError

_PACKAGE = "package://"


def local_path(uri: str) -> Path | None:
    """Return the file of a plain path or ``package://installed_package/file``; None for every other scheme.

    Raises:
        SettingsError: the package is not installed.
    """
    if not uri.startswith(_PACKAGE):
        return None if "://" in uri else Path(uri)
    package, _, inside = uri.removeprefix(_PACKAGE).partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SettingsError(f"{uri}: the Python package '{package}' is not installed")
    return Path(spec.submodule_search_locations[0]) / inside


def resolve_uri(root: Path, uri: str) -> str:
    """Resolve a path relative to ``root``; a URI with a scheme is returned unchanged."""
    return uri if "://" in uri else str(root / uri)
