"""Ingest: verify pinned files, and build rows from them with the project's own function."""

from slipway.steps.ingest.pinned_files import fetch
from slipway.steps.ingest.step import build_rows, write_rows

__all__ = ["build_rows", "fetch", "write_rows"]
