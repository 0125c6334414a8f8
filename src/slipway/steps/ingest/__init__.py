"""Read exactly the pinned bytes and turn them into one row for each example."""

from slipway.steps.ingest.step import ingest

__all__ = ["ingest"]
