"""Read and verify the manifest of a scored dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slipway.storage.digests import digest_of

RELEASE_COLUMN = "release"
MANIFEST_FILE = "_slipway.json"
VOLATILE_KEYS = ("digest", "when", "timings", "source")
"""Keys that the digest excludes, because they differ between two runs that write the same bytes."""


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """Return the digest that identifies a dataset; every run of the same job has the same one."""
    return digest_of({name: value for name, value in manifest.items() if name not in VOLATILE_KEYS})


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a published dataset, or None if the folder is not a complete one."""
    try:
        found: dict[str, Any] = json.loads((folder / MANIFEST_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("digest") == manifest_digest(found) else None
