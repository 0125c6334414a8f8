"""Record what a candidate was built from and what each step produced, so that a rebuild can be compared with it."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from slipway.bundle.release_file import BuildRecord, StepRecord
from slipway.pipeline.cache import OUTPUTS_FILE, scores_in
from slipway.pipeline.component import SCORES_FILE
from slipway.settings.settings import LOCK_FILE
from slipway.storage.digests import file_digest

LOCKS = (LOCK_FILE, f"components/{LOCK_FILE}", "components.lock")
"""The locks of a project that decide what its pipeline runs."""
_RECORDED_ELSEWHERE = ("data.sources.", "data.through", "features.")
"""The data pin is a separate field, which has no addresses of files; the inputs are in the contract."""


def build_record(root: Path, settings: str, steps: Mapping[str, Path]) -> BuildRecord:
    """Record the project at ``root`` with the text of its settings, and the folder of each step's files."""
    locks = {name: file_digest(root / name) for name in LOCKS if (root / name).is_file()}
    return BuildRecord(dict(_flatten(tomllib.loads(settings))), locks, {n: _record(steps[n]) for n in sorted(steps)})


def _flatten(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in sorted(section.items()):
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        elif not f"{prefix}{name}".startswith(_RECORDED_ELSEWHERE):
            yield f"{prefix}{name}", json.dumps(value, default=str)


def _record(folder: Path) -> StepRecord:
    digests: dict[str, str] = json.loads((folder / OUTPUTS_FILE).read_bytes())
    # A log has the times and paths of its run.
    files = {name: digest for name, digest in digests.items() if name != SCORES_FILE and not name.endswith(".log")}
    # JSON has no NaN: it would be written as null, which cannot be read back as a number.
    return StepRecord({name: float(v) for name, v in sorted(scores_in(folder).items()) if math.isfinite(v)}, files)
