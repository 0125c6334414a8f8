"""`slipway` as tests run it: in a child of a process that has paid for the imports, or in this very process.

``python -m tests.support.fork_server`` imports the libraries, and with ``ours`` the `slipway` of this checkout too. Then it
forks a child for each line of its input. Without ``ours`` nothing of Slipway is imported before the fork, so a child runs
the code of whatever checkout it is told. The imports cost more than a small project's whole ship.
"""

from __future__ import annotations

import atexit
import faulthandler
import functools
import gc
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

ROOT = Path(__file__).parents[2]
PROGRAM = "from slipway.cli.main import main; main()"
LIBRARIES = (
    *("mlflow", "mlflow.artifacts", "mlflow.store.db.utils"),
    *("mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store"),
    *("mlflow.store.tracking.rest_store", "mlflow.store.model_registry.rest_store"),
    *("pandas", "pyarrow.parquet", "sklearn.ensemble", "sklearn.compose", "sklearn.pipeline", "sklearn.inspection"),
    *("skops.io", "onnx", "onnxruntime", "spox", "matplotlib.pyplot", "pydantic", "click", "fsspec"),
)
OURS = (
    *("slipway.cli.main", "slipway.batch", "slipway.commands.doctor", "slipway.commands.ship", "slipway.gate.judge"),
    *("slipway.pipeline.run", "slipway.settings.settings"),
)
HANGS = 300.0
"""The seconds after which a child says where it is stuck, and ends."""


@dataclass(frozen=True)
class Ended:
    """How a command ended, the durable writes that it came to, and what it wrote beside them, if these were counted."""

    returncode: int
    stdout: str
    stderr: str
    writes: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)

    @property
    def told(self) -> Any:
        """What was said as JSON; nothing at all is an empty object."""
        return json.loads(self.stdout or "{}")


@dataclass(frozen=True)
class Kill:
    """The durable write before, during or after which a command kills itself; at none it only counts them."""

    write: int = 0
    moment: str = "never"


def slipway(
    place: Path,
    *arguments: str,
    code: Path = ROOT,
    kill: Kill | None = None,
    started: Callable[[int], object] = lambda pid: None,
    **environment: str,
) -> Ended:
    """Run `slipway` in a project, which may be given by its slipway.toml, with the code of this or another checkout.

    ``started`` is called with the id of its process.
    """
    folder = place if place.is_dir() else place.parent
    variables = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(code / "src")} | environment
    job = {"folder": str(folder), "arguments": arguments, "code": str(code), "environment": clean(**variables)}
    return _start("ours" if code == ROOT else "any").run(job | {"kill": kill and asdict(kill)}, started)


def slipway_here(folder: Path, *arguments: str, stdin: str = "", **variables: str) -> Ended:
    """Run `slipway` in a folder and in this process, where a test may have replaced something."""
    from slipway.cli.main import main

    out, err, code = io.StringIO(), io.StringIO(), 0
    given = patch.multiple(sys, argv=["slipway", *arguments], stdin=io.StringIO(stdin))
    with chdir(folder), patch.dict(os.environ, variables), given, redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Ended(code, out.getvalue(), err.getvalue())


def clean(**more: str) -> dict[str, str]:
    """This environment without any MLflow setting but that nobody is told of our tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return kept | {"MLFLOW_DISABLE_TELEMETRY": "true"} | more


class ForkServer:
    """The process that forks commands, one after another."""

    def __init__(self, imports: str) -> None:
        command = [sys.executable, "-m", "tests.support.fork_server", imports]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=ROOT, env=clean(), stdin=pipe, stdout=pipe, text=True)
        self._folder = tempfile.TemporaryDirectory(prefix="fork-server-")
        atexit.register(self.close)

    def run(self, job: dict[str, Any], started: Callable[[int], object]) -> Ended:
        """Hand over one command, tell its process, and wait for its end."""
        assert self._process.stdin and self._process.stdout
        files = {name: Path(self._folder.name, name) for name in ("stdout", "stderr", "notes")}
        for file in files.values():
            file.write_bytes(b"")
        print(json.dumps(job | {name: str(file) for name, file in files.items()}), file=self._process.stdin, flush=True)
        started(int(self._process.stdout.readline()))
        code = int(self._process.stdout.readline())
        out, err, notes = (file.read_text(errors="replace") for file in files.values())
        writes, hidden = ([note[1:] for note in notes.splitlines() if note[0] == mark] for mark in "+-")
        return Ended(code, out, err, writes, hidden)

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._folder.cleanup()


@functools.cache
def _start(imports: str) -> ForkServer:
    """One process for all tests of a worker."""
    return ForkServer(imports)


def _serve(imports: str) -> None:
    """Answer each line of stdin, a command as JSON, with the id of its process and then with its exit code."""
    for name in (*LIBRARIES, *(OURS if imports == "ours" else ())):
        importlib.import_module(name)
    if imports == "ours":
        importlib.import_module("slipway.pipeline.cache").environment_digest()
    gc.collect()
    gc.freeze()  # a child that collects garbage would copy every page of these imports
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(json.loads(line))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _become(job: dict[str, Any]) -> NoReturn:
    """Turn this child into `slipway` with its own folder, arguments, variables and files."""
    code: Any = 0
    try:
        for descriptor, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(job[name], os.O_WRONLY), descriptor)
        os.chdir(job["folder"])
        os.environ.clear()
        os.environ.update(job["environment"])
        faulthandler.dump_traceback_later(HANGS, exit=True)
        if job["kill"]:
            importlib.import_module("tests.support.failing_writes").count(job["folder"], job["notes"], **job["kill"])
        sys.argv, sys.path[0] = ["slipway", *job["arguments"]], str(Path(job["code"], "src"))
        importlib.import_module("slipway.cli.main").main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        # Everything but taking the interpreter apart, which lasts longer than most commands.
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    _serve(sys.argv[1])
