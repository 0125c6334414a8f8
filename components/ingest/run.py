"""Ingest: the pinned files, and no other bytes, become one row for each example."""

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
    """Write ``data.parquet``: what ``function`` (``file.py:name``) makes of the pinned files, to the end of ``through``.

    Raises:
        DataError: a file is missing, empty or truncated, a column is missing, mixed or no times, or no row is left.
        DataChangedError: a file's bytes are not those that the pin names.
        SettingsError: the function cannot be found.
    """
    with fetch(sources) as files:
        rows = build_rows(function, files)
    return write_rows(rows, out, contract=contract, target=target, time=time, through=through)


if __name__ == "__main__":
    main(ingest)
