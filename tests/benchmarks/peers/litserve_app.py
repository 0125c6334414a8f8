"""LitServe, as a program: the bundle and the port are its arguments."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import litserve

from tests.benchmarks.peers.model import Model


class Api(litserve.LitAPI):  # type: ignore[misc]
    """The steps of a request."""

    def setup(self, device: str) -> None:
        self.model = Model(Path(sys.argv[1]))

    # LitServe takes an annotation as the parameters of a query, so here is none.
    def decode_request(self, request):  # type: ignore[no-untyped-def]
        return request["instances"]

    def predict(self, x: Any) -> Any:
        return self.model.predict(x)

    def encode_response(self, output: Any) -> dict[str, Any]:
        return {"predictions": output}


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", workers_per_device=2)
    server.run(host="127.0.0.1", port=int(sys.argv[2]), access_log=False, generate_client_file=False)
