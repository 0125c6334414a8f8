"""Ray Serve, as a program: the bundle and the port are its arguments."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from ray import serve
from starlette.responses import JSONResponse

from tests.benchmarks.peers.model import Model


@serve.deployment(num_replicas=2, ray_actor_options={"num_cpus": 1})  # type: ignore[misc, unused-ignore]
class Champion:
    """A replica."""

    def __init__(self, bundle: str) -> None:
        self.model = Model(Path(bundle))

    async def __call__(self, request: Any) -> JSONResponse:
        return JSONResponse({"predictions": self.model.predict((await request.json())["instances"])})


if __name__ == "__main__":
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[2])})
    serve.run(Champion.bind(sys.argv[1]))
    while True:
        time.sleep(3600)
