"""A step's files as they were when it finished: a later run takes them from the cache only if no byte has moved."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from slipway.pipeline.component import SCORES_FILE
from slipway.storage.digests import file_digest

OUTPUTS_FILE = "outputs.json"


def outputs_of(folder: Path) -> str:
    """What becomes ``outputs.json``: the sha256 of every file of the folder, by its place there."""
    return json.dumps(_digests(folder), indent=1, sort_keys=True) + "\n"


def digest_of(outputs: str) -> str:
    """The sha256 that stands for all of them, kept apart from the files."""
    return hashlib.sha256(outputs.encode()).hexdigest()


def why_changed(folder: Path, digest: str) -> str:
    """Why the folder's files are not those whose ``outputs.json`` has this digest; empty when they are."""
    listed = folder / OUTPUTS_FILE
    if not listed.is_file():
        return f"{listed} is not there"
    if file_digest(listed) != digest:
        return f"{listed} is not the one that was recorded when the step finished"
    recorded, found = json.loads(listed.read_bytes()), _digests(folder)
    for name in sorted({*recorded, *found}):
        if recorded.get(name) != found.get(name):
            what = "is gone" if name not in found else "was added" if name not in recorded else "has changed"
            return f"{folder / name} {what} since the step finished"
    return ""


def scores_in(folder: Path) -> dict[str, float]:
    """The scores that a component left among its files."""
    scores: dict[str, float] = json.loads((folder / SCORES_FILE).read_bytes())
    return scores


def _digests(folder: Path) -> dict[str, str]:
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: file_digest(path) for name, path in files.items() if name != OUTPUTS_FILE}
