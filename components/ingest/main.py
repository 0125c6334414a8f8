"""Read exactly the pinned bytes and turn them into one row for each example."""

from slipway.pipeline.component import main
from slipway.steps.ingest import ingest

if __name__ == "__main__":
    main(ingest)
