"""Runs components: each in a process of its own, recorded as an MLflow run, or taken from the cache."""

from __future__ import annotations

import importlib
import json
import os
import runpy
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.cache import file_digest, step_key
from pipeline.candidate import StepReport
from pipeline.component import SCORES_FILE
from pipeline.errors import ComponentError, SlipwayError, error_for

COMPONENTS = Path(__file__).parents[1] / "components"
Say = Callable[[str], None]
Value = str | int | float | Path | dict[str, Any] | list[Any]

_IMPORTED_ONCE = ("pandas", "pyarrow.parquet", "sklearn.ensemble", "sklearn.compose", "sklearn.pipeline", "skops.io")
"""What components share: a forked child inherits these imports instead of paying for them again."""


@dataclass(frozen=True)
class Done:
    """A finished step: its MLflow run, the local folder of its files, and its scores."""

    name: str
    run_id: str
    files: Path
    scores: dict[str, float]


@dataclass(frozen=True)
class _Started:
    name: str
    key: str
    arguments: dict[str, str]
    began: float
    out: Path
    pid: int


class Flow:
    """One run of the pipeline: steps are started in order and leave their records under one parent run."""

    def __init__(self, client: Any, parent: Any, *, cache: bool, env_manager: str, say: Say) -> None:
        """Steps of ``parent`` (an MLflow run), said one by one to ``say``."""
        self._client, self._parent = client, parent
        self._cache, self._env_manager, self._say = cache, env_manager, say
        self.reports: list[StepReport] = []
        self.reads: dict[str, tuple[Path, ...]] = {}
        """Files that a component finds by itself, by component: they belong to its key as its parameters do."""

    def step(self, name: str, **parameters: Value) -> Done:
        """Run one component to its end."""
        return self.together((name, parameters))[0]

    def together(self, *steps: tuple[str, Mapping[str, Value]]) -> list[Done]:
        """Run components that need nothing of each other side by side; the first failure is raised when all ended.

        Raises:
            ComponentError: a component failed; the message names it and its log.
        """
        started = [self._start(name, parameters) for name, parameters in steps]
        codes = [self._wait(begun) if isinstance(begun, _Started) else 0 for begun in started]
        return [
            self._finish(begun, code) if isinstance(begun, _Started) else begun
            for begun, code in zip(started, codes, strict=True)
        ]

    def _start(self, name: str, parameters: Mapping[str, Value]) -> _Started | Done:
        began = time.monotonic()
        arguments = {key: _text(value) for key, value in parameters.items()}
        inputs = {key: file_digest(value) for key, value in parameters.items() if isinstance(value, Path)}
        reads = {path.name: file_digest(path) for path in self.reads.get(name, ()) if path.is_file()}
        plain = {key: text for key, text in arguments.items() if key not in inputs}
        key = step_key(COMPONENTS / name, plain, {**inputs, **reads})
        if self._cache and (hit := self._cached(name, key)):
            self._report(StepReport(name, time.monotonic() - began, cached=True))
            return hit
        if self._env_manager != "local":
            return self._isolated(name, key, arguments, began)
        out = Path(tempfile.mkdtemp(prefix=f"slipway-{name}-"))
        for module in _IMPORTED_ONCE:
            importlib.import_module(module)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _become(COMPONENTS / name, arguments, out)
        return _Started(name, key, arguments, began, out, pid)

    def _wait(self, begun: _Started) -> int:
        _, status = os.waitpid(begun.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def _finish(self, begun: _Started, code: int) -> Done:
        run = self._new_run(begun.name, begun.key, begun.arguments)
        try:
            if code:
                self._client.log_artifact(run.info.run_id, _log_file(begun.out))
                raise _failure(begun.name, code, _log_file(begun.out))
            return self._record(run, begun)
        except BaseException:
            self._client.set_terminated(run.info.run_id, "FAILED")
            raise
        finally:
            if not code:
                shutil.rmtree(begun.out, ignore_errors=True)
                Path(_log_file(begun.out)).unlink(missing_ok=True)

    def _record(self, run: Any, begun: _Started) -> Done:
        run_id = run.info.run_id
        scores = json.loads((begun.out / SCORES_FILE).read_text())
        for name, value in scores.items():
            self._client.log_metric(run_id, name, value)
        self._client.log_artifacts(run_id, str(begun.out))
        self._client.set_terminated(run_id, "FINISHED")
        for line in Path(_log_file(begun.out)).read_text(errors="replace").splitlines():
            self._say(f"{begun.name}: {line}")
        self._report(StepReport(begun.name, time.monotonic() - begun.began, cached=False))
        return Done(begun.name, run_id, self._files(run_id), scores)

    def _isolated(self, name: str, key: str, arguments: dict[str, str], began: float) -> Done:
        """The component as MLflow runs it alone, in an environment of its own."""
        import mlflow
        from mlflow.exceptions import ExecutionException

        run = self._new_run(name, key, arguments)
        try:
            mlflow.projects.run(  # type: ignore[no-untyped-call]
                str(COMPONENTS / name), parameters=arguments, run_id=run.info.run_id, env_manager=self._env_manager
            )
        except ExecutionException as error:
            raise ComponentError(f"component '{name}' failed in its {self._env_manager} environment: {error}") from None
        done = self._done(name, run.info.run_id)
        self._report(StepReport(name, time.monotonic() - began, cached=False))
        return done

    def _new_run(self, name: str, key: str, arguments: Mapping[str, str]) -> Any:
        tags = {
            "mlflow.parentRunId": self._parent.info.run_id,
            "mlflow.runName": name,
            "slipway.step": name,
            "slipway.key": key,
        }
        run = self._client.create_run(self._parent.info.experiment_id, tags=tags)
        for argument, text in arguments.items() if self._env_manager == "local" else ():
            self._client.log_param(run.info.run_id, argument, text[:6000])
        return run

    def _cached(self, name: str, key: str) -> Done | None:
        found = self._client.search_runs(
            [self._parent.info.experiment_id],
            f"tags.`slipway.key` = '{key}' and attributes.status = 'FINISHED'",
            max_results=1,
        )
        done = self._done(name, found[0].info.run_id) if found else None
        return done if done and (done.files / SCORES_FILE).is_file() else None

    def _done(self, name: str, run_id: str) -> Done:
        return Done(name, run_id, self._files(run_id), dict(self._client.get_run(run_id).data.metrics))

    def _files(self, run_id: str) -> Path:
        import mlflow

        return Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=""))

    def _report(self, report: StepReport) -> None:
        self.reports.append(report)
        self._say(f"{report.name:<10}{report.seconds:6.1f} s{'  (cached)' if report.cached else ''}")


def _become(folder: Path, arguments: Mapping[str, str], out: Path) -> None:
    """Turn this forked child into the component's program; never returns."""
    code = 1
    try:
        log = os.open(_log_file(out), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir(folder)
        sys.argv = ["run.py", "--out", str(out), *(part for k, v in arguments.items() for part in (f"--{k}", v))]
        runpy.run_path("run.py", run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _log_file(out: Path) -> str:
    return f"{out}.log"


def _failure(name: str, code: int, log: str) -> SlipwayError:
    lines = Path(log).read_text(errors="replace").strip().splitlines()
    known = error_for(code)
    if known is not None:
        said = next((line for line in lines if line.startswith(f"{name}: ")), "")
        after = lines[lines.index(said) + 1 :] if said else lines
        return known("\n".join([f"component '{name}' stopped: {said.removeprefix(f'{name}: ')}", *after]))
    reason = f"was killed by signal {-code}" if code < 0 else f"failed with exit code {code}"
    return ComponentError(f"component '{name}' {reason}: {lines[-1] if lines else 'it said nothing'}; its log is {log}")


def _text(value: Value) -> str:
    return json.dumps(value, sort_keys=True, default=str) if isinstance(value, dict | list) else str(value)
