"""Writes that fail: a process counts its durable ones and is really killed at one of them, and a disk fills up.

Durable writes are the functions of ``slipway.storage.atomic``, and the calls of the MLflow client that change the store.
What is written into the project outside of these (opened, renamed, removed, or by SQL) is reported too, so no write can
hide. A child of the fork server calls ``count`` before it becomes the command.
"""

from __future__ import annotations

import functools
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DURABLE = ("write_file", "append_line", "swap_link", "remove_link", "publish_files", "remove_folder", "sweep")
REGISTRY = (
    "create_run", "log_metric", "log_param", "log_artifact", "log_artifacts", "set_tag", "set_terminated",
    "create_experiment", "create_registered_model", "create_model_version", "set_registered_model_alias",
)  # fmt: skip
LOCKS = ("lock", "ship.lock", "registry.lock")
"""Files that hold nothing which must last."""


def count(project: str, notes: str, write: int, moment: str) -> None:
    """Note each write of this process from now on, and die at one of them."""
    import mlflow
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    from slipway.storage import atomic

    counter = _Counter(project, write, moment, os.open(notes, os.O_WRONLY))
    for names, owner in ((DURABLE, atomic), (REGISTRY, mlflow.MlflowClient)):
        for name in names:
            setattr(owner, name, counter.counted(getattr(owner, name)))
    event.listen(Engine, "after_cursor_execute", counter.statement)
    sys.addaudithook(counter.audit)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """A write beyond this size is cut short and the next one fails, as on a disk that fills up."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


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
