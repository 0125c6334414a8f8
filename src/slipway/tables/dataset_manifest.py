"""The manifest of a scored dataset, as whoever reads it needs it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slipway.storage.digests import digest_of

RELEASE_COLUMN = "release"
MANIFEST_FILE = "_slipway.json"
VOLATILE_KEYS = ("digest", "when", "timings", "source")
"""What the digest leaves out: it differs between two runs that made the same bytes."""


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """The digest that names a dataset: equal for every run of the same job."""
    return digest_of({name: value for name, value in manifest.items() if name not in VOLATILE_KEYS})


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a published dataset, if its folder is one."""
    try:
        found: dict[str, Any] = json.loads((folder / MANIFEST_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("digest") == manifest_digest(found) else None
