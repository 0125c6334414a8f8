"""`slipway` as tests start it: alone, from a process that has paid for the imports, or out of an edited copy."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PROGRAM = "from slipway.cli.main import main; main()"
SERVER = """
import atexit, importlib, json, os, sys
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
from slipway.cli.main import main
for name in ("mlflow", "mlflow.store.tracking.sqlalchemy_store", "slipway.pipeline.run", "slipway.settings.settings",
             "pandas", "pyarrow.parquet", "sklearn.ensemble", "sklearn.compose", "sklearn.pipeline", "skops.io",
             "pandera.pandas", "fsspec"):
    importlib.import_module(name)
for line in sys.stdin:
    job = json.loads(line)
    if pid := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
        continue
    os.environ.update(job["environment"])
    for stream, number in (("stdout", 1), ("stderr", 2)):
        os.dup2(os.open(job[stream], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["slipway", *job["arguments"]]
    try:
        code = main()
    except SystemExit as end:
        code = end.code
    # Everything but taking the interpreter apart, which lasts longer than most commands.
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


class Warm:
    """Runs `slipway` in a child of a process that has imported what it needs: the same command, seconds sooner."""

    def __init__(self, server: subprocess.Popen[str], folder: Path) -> None:
        self._server, self._folder = server, folder

    def __call__(self, *arguments: str, **environment: str) -> Ended:
        assert self._server.stdin and self._server.stdout
        files = {name: str(self._folder / name) for name in ("stdout", "stderr")}
        job = {"arguments": arguments, "environment": environment, **files}
        self._server.stdin.write(json.dumps(job) + "\n")
        self._server.stdin.flush()
        code = int(self._server.stdout.readline())
        return Ended(code, *(Path(file).read_text() for file in files.values()))


@contextmanager
def warm(folder: Path, source: Path = ROOT) -> Iterator[Warm]:
    """A warm `slipway` of a checkout, ended with the block."""
    command = [sys.executable, "-c", SERVER]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=clean(PYTHONPATH=str(source / "src")), cwd=source, **pipes) as server:
        yield Warm(server, folder)
        assert server.stdin
        server.stdin.close()


@functools.cache
def warmed() -> Warm:
    """The warm `slipway` of this checkout, one for all tests of a process."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(warm(Path(stack.enter_context(tempfile.TemporaryDirectory()))))


def clean(**more: str) -> dict[str, str]:
    """This environment without any MLflow setting."""
    return {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")} | more


def slipway(*arguments: str, source: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command of a checkout to its end."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        cwd=source,
        env=clean(PYTHONPATH=str(source / "src"), **environment),
    )


def copy_of_programs(folder: Path) -> Path:
    """A copy of this repository's programs, to be edited."""
    for name in ("pipeline", "components", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def edit(file: Path, old: str, new: str) -> None:
    """Replace what stands there exactly once."""
    text = file.read_text()
    assert text.count(old) == 1, (file, old)
    file.write_text(text.replace(old, new))


def runs(project: Path, where: str = "") -> list[Any]:
    """The MLflow runs of a project's store, newest first."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project.parent / 'mlflow.db'}")
    return list(client.search_runs([e.experiment_id for e in client.search_experiments()], where))


def files_of(run: Any) -> Path:
    """Where the store has a run's files."""
    return Path(run.info.artifact_uri.removeprefix("file://"))


def said_steps(stdout: str) -> Mapping[str, bool]:
    """Whether each step came from the cache, out of `slipway run --json`."""
    return {step["name"]: step["cached"] for step in json.loads(stdout)["steps"]}
