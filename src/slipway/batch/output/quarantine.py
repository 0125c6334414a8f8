"""The rows that broke the contract: where they are in a dataset, and the first of them for a message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

QUARANTINE_FOLDER = "_quarantine"
"""Whatever reads a dataset leaves out names that begin with ``_``, so no bad row is taken for an answer."""
EXAMPLES = 3


def first_rows(quarantine: Path) -> list[dict[str, Any]]:
    """A few rows of a quarantine: ``file``, ``row``, ``reasons`` and ``original`` of each."""
    with pq.ParquetFile(min(quarantine.iterdir())) as file:
        found: list[dict[str, Any]] = next(file.iter_batches(EXAMPLES)).to_pylist()
    return found
