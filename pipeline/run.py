"""What `mlflow run pipeline` starts: the same steps as `slipway run`."""

from __future__ import annotations

import sys
from pathlib import Path

from slipway.errors import SlipwayError
from slipway.pipeline.run import run
from slipway.reporting.progress import PLAIN
from slipway.settings.settings import load_settings


def main(path: str) -> None:
    """Run the pipeline of the settings at ``path`` and print its model's URI."""
    try:
        candidate = run(load_settings(Path(path)), say=PLAIN)
    except SlipwayError as error:
        print(f"slipway: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    print(candidate.model_uri)


if __name__ == "__main__":
    main(sys.argv[1])
