"""A component as a child process: it inherits what its parent has imported, and never outlives it.

Or, as MLflow runs it alone, in an environment of its own.
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
"""What components share: a forked child inherits these imports instead of paying for them again."""
_EXCEPTION_LINE = re.compile(r"[\w.]+(Error|Exception|Interrupt|Warning)\b.*")


@dataclass(frozen=True)
class ChildProcess:
    """A component that runs: it leaves its files in ``out``, and all that it says in ``log`` there."""

    name: str
    out: Path
    process: BaseProcess

    @property
    def log(self) -> Path:
        """Its standard output and error."""
        return log_path(self.out, self.name)


def start_component(folder: Path, arguments: Mapping[str, str], out: Path) -> ChildProcess:
    """Start the component in ``folder`` with its arguments; its files go to ``out``, which is made."""
    for module in _PRELOADED_MODULES:
        importlib.import_module(module)
    out.mkdir()
    process = multiprocessing.get_context("fork").Process(target=_run_component, args=(folder, arguments, out))
    process.start()
    return ChildProcess(folder.name, out, process)


def kill_children(children: Sequence[ChildProcess]) -> None:
    """Kill the children that still run, and wait until they are gone."""
    for child in children:
        child.process.kill()
    for child in children:
        child.process.join()


def failure_of(child: ChildProcess, log: str) -> SlipwayError | None:
    """Why a child that has ended failed, in the words of its own refusal where it said one; ``log`` names its log."""
    code, lines = child.process.exitcode or 0, log_lines(child.log)
    if not code and (child.out / SCORES_FILE).is_file():
        return None
    if known := error_for(code):
        return known(f"component '{child.name}' stopped: {_refusal(child.name, lines)}")
    raised = next(
        (line for line in reversed(lines) if _EXCEPTION_LINE.match(line)), lines[-1] if lines else "it said nothing"
    )
    return ComponentError(f"component '{child.name}' {_describe_exit(code)}: {raised}; its log is {log}")


def log_path(folder: Path, name: str) -> Path:
    """Where a component's log is in the folder of its files."""
    return folder / f"{name}.log"


def log_lines(log: Path) -> list[str]:
    """The lines of a log, or none where there is no log."""
    return log.read_text(errors="replace").strip().splitlines() if log.is_file() else []


def run_in_environment(
    client: Any, folder: Path, arguments: Mapping[str, str], run_id: str, env_manager: str, log: str
) -> None:
    """Run the component in ``folder`` to its end, which records its files in the MLflow run itself.

    Raises:
        SlipwayError: what the component refused; ComponentError when it broke, which names ``log``.
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
        raise ComponentError(f"component '{folder.name}' got no {env_manager} environment: {error}") from None
    except ExecutionException as error:
        code, _, said = client.get_run(run_id).data.tags.get(REFUSAL_TAG, "1 ").partition(" ")
        if known := error_for(int(code)):
            raise known(f"component '{folder.name}' stopped: {said}") from None
        raise ComponentError(
            f"component '{folder.name}' failed in its {env_manager} environment: {said or error}; its log is {log}"
        ) from None


def _refusal(name: str, lines: list[str]) -> str:
    """What the component said last, from the line that begins with its name."""
    start = next((n for n, line in enumerate(lines) if line.startswith(f"{name}: ")), 0)
    said = "\n".join(lines[start:]).removeprefix(f"{name}: ")
    return f"{said}\nNo candidate was made." if "\n" in said else f"{said}; no candidate was made"


def _describe_exit(code: int) -> str:
    if code == 0:
        return f"ended without its {SCORES_FILE}"
    if code > 0:
        return f"failed with exit code {code}"
    why = ", as the system does when memory runs out" if -code == signal.SIGKILL else ""
    return f"was killed by signal {-code} ({signal.Signals(-code).name}{why})"


def _run_component(folder: Path, arguments: Mapping[str, str], out: Path) -> None:
    """Turn this forked child into the component's program."""
    restore_default_handlers()
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    log = os.open(log_path(out, folder.name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__  # a notebook or a test may have put its own in their place
    os.chdir(folder)
    sys.path.insert(0, str(folder))  # as Python does for a program
    sys.argv = ["run.py", "--out", str(out), *(part for k, v in arguments.items() for part in (f"--{k}", v))]
    _run_in_a_thread(folder / "run.py")


def _run_in_a_thread(program: Path) -> None:
    """Run a program to its end, or until it exits.

    OpenMP's threads belong to the thread that first made them. Where the parent had some, its forked main thread would
    wait for copies that do not exist; a new thread makes its own.
    """
    with ThreadPoolExecutor(1, thread_name_prefix=program.parent.name) as pool:
        error = pool.submit(runpy.run_path, str(program), run_name="__main__").exception()
    if isinstance(error, SystemExit):
        raise error
    if error is not None:
        traceback.print_exception(error)
        raise SystemExit(1)


def _exit_with_parent() -> None:
    """Wait until the parent is gone, however it ended, and go too."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _find_tools_of_this_environment() -> None:
    """MLflow looks for uv and virtualenv on PATH, where ``.venv/bin/slipway`` does not put them."""
    tools = str(Path(sys.executable).parent)
    if tools not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([tools, os.environ["PATH"]])
