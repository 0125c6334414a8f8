"""Other servers with the same compiled model: those that the given Pythons have installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.benchmarks.serving.servers import Server

_PATHS = {
    "litserve": "/predict",
    "bentoml": "/predict",
    "kserve": "/v1/models/champion:predict",
    "ray.serve": "/",
}
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "BENTOML_DO_NOT_TRACK": "true"}


def peers(bundle: Path, pythons: tuple[str, ...]) -> list[Server]:
    """Each known server that one of these Pythons (without any: this one) can import."""
    return [
        _peer(name, python, bundle) for python in pythons or (sys.executable,) for name in _PATHS if _has(python, name)
    ]


def _has(python: str, name: str) -> bool:
    package, _, _ = name.partition(".")
    code = f"from importlib.util import find_spec as f; raise SystemExit(not (f({package!r}) and f({name!r})))"
    return subprocess.run([python, "-c", code], capture_output=True).returncode == 0


def _peer(name: str, python: str, bundle: Path) -> Server:
    module = f"tests.benchmarks.peers.{name.replace('.', '_')}_app"
    command = (python, "-m", module, str(bundle), "PORT")
    return Server(name, command, path=_PATHS[name], form="instances", environment=_ENVIRONMENT)
