"""Run a component as a forked child process, which inherits the parent's imports and never outlives it.

With another environment manager than "local", MLflow runs the component in a separate environment instead.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import re
import runpy
import signal
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from slipway.errors import ComponentError, SlipwayError, error_for
from slipway.pipeline.component import REFUSAL_TAG, SCORES_FILE
from slipway.pipeline.signals import restore_default_handlers

_PRELOADED_MODULES = (
    "pandas",
    "pyarrow.parquet",
    "sklearn.ensemble",
    "sklearn.compose",
    "sklearn.pipeline",
    "skops.io",
)
"""Imports that components share: a forked child inherits them, which saves seconds per step."""
_EXCEPTION_LINE = re.compile(r"[\w.]+(Error|Exception|Interrupt|Warning)\b.*")


@dataclass(frozen=True)
class ChildProcess:
    """A started component, which writes its files to ``out`` and its output to ``log`` in the same folder."""

    name: str
    out: Path
    process: BaseProcess

    @property
    def log(self) -> Path:
        """The file with its standard output and error."""
        return log_path(self.out, self.name)


def start_component(
    folder: Path, arguments: Mapping[str, str], out: Path, import_folders: Sequence[Path] = ()
) -> ChildProcess:
    """Start the component in ``folder`` with its arguments; it writes its files to ``out``, which is created.

    It can import from its own folder and from ``import_folders``, as the PYTHONPATH in its MLproject says.
    """
    for module in _PRELOADED_MODULES:
        importlib.import_module(module)
    out.mkdir()
    # Only a forked child inherits imports; a spawned one would import pandas and scikit-learn again in every step.
    process = multiprocessing.get_context("fork").Process(
        target=_run_component, args=(folder, arguments, out, import_folders)
    )
    process.start()
    return ChildProcess(folder.name, out, process)


def kill_children(children: Sequence[ChildProcess]) -> None:
    """Kill the children that still run, and wait until they have ended."""
    for child in children:
        child.process.kill()
    for child in children:
        child.process.join()


def failure_of(child: ChildProcess, log: str) -> SlipwayError | None:
    """Why a finished child failed, with the message of its own refusal if it printed one; None if it succeeded.

    ``log`` is where a person finds its log: a path or an artifact's URI.
    """
    code, lines = child.process.exitcode or 0, log_lines(child.log)
    if not code and (child.out / SCORES_FILE).is_file():
        return None
    if known := error_for(code):
        return known(f"component '{child.name}' stopped: {_refusal(child.name, lines)}")
    reason = next(
        (line for line in reversed(lines) if _EXCEPTION_LINE.match(line)), lines[-1] if lines else "it printed nothing"
    )
    return ComponentError(f"component '{child.name}' {_describe_exit(code)}: {reason}; its log is {log}")


def log_path(folder: Path, name: str) -> Path:
    """Path of a component's log in the folder of its files."""
    return folder / f"{name}.log"


def log_lines(log: Path) -> list[str]:
    """The lines of a log; empty if there is no log."""
    return log.read_text(errors="replace").strip().splitlines() if log.is_file() else []


def run_in_environment(
    client: Any, folder: Path, arguments: Mapping[str, str], run_id: str, env_manager: str, log: str
) -> None:
    """Run the component in ``folder`` in a separate environment, and wait. It logs its files to the MLflow run itself.

    Raises:
        SlipwayError: the component's own refusal; ComponentError, which names ``log``, if it crashed.
    """
    import mlflow
    from mlflow.exceptions import ExecutionException
    from mlflow.utils.process import ShellCommandException

    _find_tools_of_this_environment()
    try:
        mlflow.projects.run(  # type: ignore[no-untyped-call]
            str(folder), parameters=dict(arguments), run_id=run_id, env_manager=env_manager
        )
    except (ShellCommandException, FileNotFoundError) as error:
        raise ComponentError(
            f"no {env_manager} environment could be created for component '{folder.name}': {error}"
        ) from None
    except ExecutionException as error:
        code, _, message = client.get_run(run_id).data.tags.get(REFUSAL_TAG, "1 ").partition(" ")
        if known := error_for(int(code)):
            raise known(f"component '{folder.name}' stopped: {message}") from None
        raise ComponentError(
            f"component '{folder.name}' failed in its {env_manager} environment: {message or error}; its log is {log}"
        ) from None


def _refusal(name: str, lines: list[str]) -> str:
    """The component's last message: its log from the line that begins with its name."""
    start = next((n for n, line in enumerate(lines) if line.startswith(f"{name}: ")), 0)
    message = "\n".join(lines[start:]).removeprefix(f"{name}: ")
    return f"{message}\nNo candidate was created." if "\n" in message else f"{message}; no candidate was created"


def _describe_exit(code: int) -> str:
    if code == 0:
        return f"ended without writing {SCORES_FILE}"
    if code > 0:
        return f"failed with exit code {code}"
    why = ", which usually means that the machine ran out of memory" if -code == signal.SIGKILL else ""
    return f"was killed by signal {-code} ({signal.Signals(-code).name}{why})"


def _run_component(folder: Path, arguments: Mapping[str, str], out: Path, import_folders: Sequence[Path]) -> None:
    """Run the component's program in this forked child."""
    restore_default_handlers()
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    log = os.open(log_path(out, folder.name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    # Redirects the file descriptors, so that output of C libraries is logged too.
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__  # a notebook or a test may have replaced them
    os.chdir(folder)
    sys.path[:0] = [str(folder), *map(str, import_folders)]  # the first as Python does for a program
    sys.argv = ["run.py", "--out", str(out), *(part for k, v in arguments.items() for part in (f"--{k}", v))]
    _run_in_a_thread(folder / "run.py")


def _run_in_a_thread(program: Path) -> None:
    """Run a program in a new thread until it ends or exits.

    OpenMP's threads belong to the thread that created them. If the parent had any, the main thread of the forked child
    would wait forever for threads that were not copied; a new thread creates its own.
    """
    with ThreadPoolExecutor(1, thread_name_prefix=program.parent.name) as pool:
        error = pool.submit(runpy.run_path, str(program), run_name="__main__").exception()
    if isinstance(error, SystemExit):
        raise error
    if error is not None:
        traceback.print_exception(error)
        raise SystemExit(1)


def _exit_with_parent() -> None:
    """Wait until the parent has ended, even if it was killed, and exit."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # `sys.exit` would end only this thread


def _find_tools_of_this_environment() -> None:
    """Put the folder of this Python on PATH: MLflow looks there for uv, which an unactivated ``.venv`` does not add."""
    tools = str(Path(sys.executable).parent)
    if tools not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([tools, os.environ["PATH"]])
