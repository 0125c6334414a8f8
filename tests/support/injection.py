"""Runs the real command line in processes that kill themselves at a chosen durable write.

``python -m tests.support.injection`` imports everything once and then forks a child for each request on its standard
input: a real process, really killed by SIGKILL, that only did not pay for the imports. Each child counts its durable
writes: the functions of ``slipway.storage.atomic``, and the calls of the MLflow client that change the store. What is
written into the project outside of these (opened, renamed, removed, or by SQL) is reported too, so no write can hide.
"""

from __future__ import annotations

import faulthandler
import functools
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

DURABLE = ("write_file", "append_line", "swap_link", "remove_link", "publish_files", "remove_folder", "sweep")
REGISTRY = (
    "create_run", "log_metric", "log_param", "log_artifact", "log_artifacts", "set_tag", "set_terminated",
    "create_experiment", "create_registered_model", "create_model_version", "set_registered_model_alias",
)  # fmt: skip
IMPORTED_ONCE = (
    "mlflow.store.db.utils", "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.rest_store", "mlflow.store.model_registry.rest_store", "mlflow.artifacts",
    "sklearn.ensemble", "sklearn.compose", "sklearn.pipeline", "skops.io", "pyarrow.parquet",
    "slipway.batch", "slipway.cli.main", "slipway.commands.doctor", "slipway.gate.judge", "slipway.commands.ship",
    "slipway.pipeline.run",
)  # fmt: skip
LOCKS = ("lock", "ship.lock", "registry.lock")
"""Files that hold nothing which must last."""


class Ended(NamedTuple):
    """How a command ended, the durable writes that it came to, and what it wrote beside them."""

    code: int
    stdout: str
    stderr: str
    writes: list[str]
    hidden: list[str]


class Commands:
    """The process that forks commands."""

    def __enter__(self) -> Commands:
        line = [sys.executable, "-m", "tests.support.injection"]
        self._process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=30)

    def run(self, project: Path, *arguments: str, fatal: int = 0, moment: str = "never", **environment: str) -> Ended:
        """Run ``slipway ARGUMENTS`` in a project, killed before, during or after its write number ``fatal``."""
        assert self._process.stdin
        assert self._process.stdout
        asked = {"project": str(project), "arguments": arguments, "fatal": fatal, "moment": moment}
        self._process.stdin.write(json.dumps(asked | {"environment": environment}) + "\n")
        self._process.stdin.flush()
        return Ended(*json.loads(self._process.stdout.readline()))


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Counter:
    """Counts the writes of this process, and kills it at one of them."""

    def __init__(self, project: str, fatal: int, moment: str, notes: int) -> None:
        self.project, self.fatal, self.moment, self.notes = project, fatal, moment, notes
        self.count = self.depth = self.steps = 0

    def counted(self, write: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(write)
        def wrapped(*arguments: Any, **named: Any) -> Any:
            if self.depth or (write.__name__ == "sweep" and not list(arguments[0].glob(".*.tmp"))):
                return write(*arguments, **named)
            self.count += 1
            os.write(self.notes, f"+{write.__name__}\n".encode())
            mine = self.count == self.fatal
            if mine and self.moment == "before":
                _die()
            if mine and self.moment == "during":
                self._tear()
            self.depth += 1
            try:
                return write(*arguments, **named)
            finally:
                self.depth -= 1
                if mine:
                    _die()

        return wrapped

    def _tear(self) -> None:
        """From now on die at the first thing that is half of a write."""
        write_half = os.write
        os.write = lambda file, content: (write_half(file, content[: len(content) // 2]), _die())  # type: ignore
        os.fsync = Path.replace = lambda *_: _die()  # type: ignore
        self.steps = 1

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            self.touched(f"open {arguments[0]}", str(arguments[0]))
        elif event in {"os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate"}:
            self.touched(f"{event} {arguments[0]}", str(arguments[0]))

    def touched(self, what: str, path: str) -> None:
        if not path.startswith(self.project) or Path(path).name in LOCKS:
            return
        if not self.depth:
            os.write(self.notes, f"-{what}\n".encode())
        elif self.steps:
            self.steps += 1
            # The second file of a copy: the first one is there.
            if self.steps > 3:
                _die()

    def statement(self, connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.split(None, 1)[0].upper() in {"INSERT", "UPDATE", "DELETE", "REPLACE"}:
            if not self.depth:
                os.write(self.notes, f"-{statement}\n".encode())
            elif self.steps:
                _die()


def _become(asked: dict[str, Any], out: str, err: str, notes: str) -> None:
    """Turn this forked child into the command; never returns."""
    import mlflow
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    from slipway.cli import main
    from slipway.storage import atomic

    for place, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY), place)
    os.chdir(asked["project"])
    os.environ.update(asked["environment"])
    counter = _Counter(asked["project"], asked["fatal"], asked["moment"], os.open(notes, os.O_WRONLY))
    for names, owner in ((DURABLE, atomic), (REGISTRY, mlflow.MlflowClient)):
        for name in names:
            setattr(owner, name, counter.counted(getattr(owner, name)))
    event.listen(Engine, "after_cursor_execute", counter.statement)
    sys.addaudithook(counter.audit)
    sys.argv = ["slipway", *asked["arguments"]]
    faulthandler.dump_traceback_later(30, exit=True)
    code = 1
    try:
        main.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _import_everything() -> None:
    for module in IMPORTED_ONCE:
        importlib.import_module(module)
    from slipway.pipeline.cache import environment_digest

    environment_digest()


def _serve_requests() -> None:
    _import_everything()
    for line in sys.stdin:
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder, name) for name in ("out", "err", "notes")]
            for file in files:
                file.touch()
            sys.stdout.flush()
            if (child := os.fork()) == 0:
                _become(json.loads(line), *map(str, files))
            _, status = os.waitpid(child, 0)
            out, err, notes = (file.read_text(errors="replace") for file in files)
        writes, hidden = ([n[1:] for n in notes.splitlines() if n[0] == mark] for mark in "+-")
        print(json.dumps([os.waitstatus_to_exitcode(status), out, err, writes, hidden]), flush=True)


if __name__ == "__main__":
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    _serve_requests()
