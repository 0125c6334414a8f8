"""Ingest: pinned files, and the rows that a project's own function makes of them."""

from slipway.steps.ingest.pinned_files import fetch
from slipway.steps.ingest.step import build_rows, write_rows

__all__ = ["build_rows", "fetch", "write_rows"]
