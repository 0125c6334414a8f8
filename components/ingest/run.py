"""Ingest: turn the pinned files into one row per example, after checking that their bytes match the pin."""

from __future__ import annotations

from pathlib import Path

from slipway.pipeline.component import main
from slipway.steps.ingest import build_rows, fetch, write_rows


def ingest(
    out: Path,
    *,
    contract: Path,
    function: str,
    sources: dict,  # type: ignore[type-arg]  # the harness looks a parameter's plain type up
    target: str,
    time: str = "",
    through: str = "",
) -> dict[str, float]:
    """Write ``data.parquet``: the rows that ``function`` (``file.py:name``) builds from the pinned files.

    Rows after the day ``through`` are left out.

    Raises:
        DataError: a file is missing, empty or truncated, a column is missing, of mixed types or not a time, or no row is
            left.
        DataChangedError: a file's bytes differ from the pinned ones.
        SettingsError: the function cannot be found.
    """
    with fetch(sources) as files:
        rows = build_rows(function, files)
    return write_rows(rows, out, contract=contract, target=target, time=time, through=through)


if __name__ == "__main__":
    main(ingest)
