"""BentoML, as a program: the bundle and the port are its arguments."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import bentoml

from tests.benchmarks.peers.model import Model


@bentoml.service(workers=2, logging={"access": {"enabled": False}})  # type: ignore[misc, unused-ignore]
class Champion:
    """The service; its workers find the bundle in the environment."""

    def __init__(self) -> None:
        self.model = Model(Path(os.environ["BUNDLE"]))

    @bentoml.api  # type: ignore[misc, unused-ignore]
    def predict(self, instances: list[dict[str, Any]]) -> dict[str, Any]:
        return {"predictions": self.model.predict(instances)}


if __name__ == "__main__":
    os.environ["BUNDLE"] = sys.argv[1]
    program = [sys.executable, "-m", "bentoml", "serve", "tests.benchmarks.peers.bentoml_app:Champion"]
    raise SystemExit(subprocess.call([*program, "--host", "127.0.0.1", "--port", sys.argv[2]]))
