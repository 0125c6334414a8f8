"""KServe's Python SDK, as a program: the bundle and the port are its arguments."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import kserve

from tests.benchmarks.peers.model import Model

# KServe logs two lines for each request, in every worker, which no setting of its server turns off.
logging.disable(logging.INFO)


class Champion(kserve.Model):  # type: ignore[misc]
    """A model of protocol V1."""

    def __init__(self, bundle: Path) -> None:
        super().__init__("champion")
        self.model = Model(bundle)
        self.ready = True

    def predict(self, payload: dict[str, Any], headers: Any = None, response_headers: Any = None) -> dict[str, Any]:
        return {"predictions": self.model.predict(payload["instances"])}


if __name__ == "__main__":
    server = kserve.ModelServer(http_port=int(sys.argv[2]), workers=2, enable_grpc=False, enable_latency_logging=False)
    server.start([Champion(Path(sys.argv[1]))])
