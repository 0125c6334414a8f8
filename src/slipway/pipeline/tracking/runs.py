"""Open, close and remove the pipeline's runs in MLflow; runs of dead processes are closed, unused ones removed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from slipway.errors import TrackingError
from slipway.pipeline.signals import StopSignal
from slipway.pipeline.tracking.store import open_store
from slipway.settings.settings import Settings

PROCESS_TAG = "slipway.process"
STEP_TAG = "slipway.step"
USED_RUNS_TAG = "slipway.used"
"""Tag of a pipeline's parent run: ids of the runs that hold its steps' files; cached steps are runs of earlier pipelines."""
_BATCH_SIZE = 500
"""Run ids per call of ``mlflow gc``, which takes them on its command line."""


@dataclass(frozen=True, slots=True)
class OldRun:
    """A run that nothing needs, and the size of its files in bytes (0 if they are not in a local folder)."""

    id: str
    name: str
    size: int


def open_run(client: Any, experiment: str, name: str, overrides: Sequence[str]) -> Any:
    """Open a new run, tagged with this process; runs of processes that have ended are closed first."""
    for run in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
        if _is_gone(run.data.tags.get(PROCESS_TAG, "")):
            close_run(client, run, "KILLED")
    tags = {"slipway.overrides": " ".join(overrides), PROCESS_TAG: f"{socket.gethostname()} {os.getpid()}"}
    return client.create_run(experiment, run_name=name, tags=tags)


@contextmanager
def closing_run(client: Any, run: Any) -> Iterator[None]:
    """Close the run when the block ends: as finished, failed, or killed by a signal."""
    try:
        yield
    except StopSignal:
        close_run(client, run, "KILLED")
        raise
    except BaseException:
        close_run(client, run, "FAILED")
        raise
    close_run(client, run, "FINISHED")


def log_scores(client: Any, run_id: str, scores: Mapping[str, float]) -> None:
    """Log scores as the run's metrics."""
    for name, value in scores.items():
        client.log_metric(run_id, name, value)


def artifact_folder(run: Any) -> Path | None:
    """The folder of a run's files; None if the store does not keep them in a local folder."""
    uri = urlparse(run.info.artifact_uri)
    return Path(url2pathname(uri.path)) if uri.scheme in ("", "file") else None


def close_run(client: Any, run: Any, status: str) -> None:
    """Close a run and those of its steps that are still open."""
    inside = f"tags.`mlflow.parentRunId` = '{run.info.run_id}' and attributes.status = 'RUNNING'"
    for step in client.search_runs([run.info.experiment_id], inside):
        client.set_terminated(step.info.run_id, status)
    client.set_terminated(run.info.run_id, status)


def old_runs(settings: Settings, keep: int) -> list[OldRun]:
    """The pipeline's runs that can be removed: all except the newest ``keep``, running ones, and the steps these use.

    Steps are the cache: a step that a kept run reused stays, even if another run created it. Runs that contain a
    registered bundle belong to the registry, and runs that are not the pipeline's are ignored.

    Raises:
        TrackingError: the store cannot be opened.
    """
    if not _has_store(settings):
        return []
    import mlflow

    _, experiment = open_store(settings)
    found = mlflow.search_runs([experiment], order_by=["attributes.start_time DESC"], output_format="list")
    parents = [run for run in found if PROCESS_TAG in run.data.tags]
    steps = [run for run in found if STEP_TAG in run.data.tags]
    kept = [*parents[:keep], *(run for run in parents[keep:] if run.info.status == "RUNNING")]
    names = {run.info.run_id for run in kept}
    used = {id_ for run in kept for id_ in run.data.tags.get(USED_RUNS_TAG, "").split()}
    old = [run for run in parents if run.info.run_id not in names]
    old += [s for s in steps if s.data.tags.get("mlflow.parentRunId") not in names and s.info.run_id not in used]
    return [OldRun(run.info.run_id, run.info.run_name or "", _size(run)) for run in old]


def delete_runs(settings: Settings, runs: Sequence[OldRun]) -> None:
    """Delete runs; in a local SQLite store their rows and files are removed permanently.

    On a team's server they are only marked as deleted, and its own `mlflow gc` removes them.

    Raises:
        TrackingError: the store could not remove them.
    """
    if not runs:
        return
    client, _ = open_store(settings)
    for run in runs:
        client.delete_run(run.id)
    uri = os.environ["MLFLOW_TRACKING_URI"]
    for start in range(0, len(runs) if uri.startswith("sqlite:") else 0, _BATCH_SIZE):
        _run_mlflow_gc(uri, [run.id for run in runs[start : start + _BATCH_SIZE]])


def _is_gone(process: str) -> bool:
    """Whether the process ran on this machine and has ended; False for other machines, where this is unknown."""
    host, _, pid = process.rpartition(" ")
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)  # signal 0 only checks whether the process exists
    except ProcessLookupError:
        return True
    except PermissionError:  # it exists, but belongs to another user
        return False
    return False


def _has_store(settings: Settings) -> bool:
    """Whether there is an MLflow store. A serving host has none, and MLflow need not even be installed there."""
    local = Path(settings.tracking_uri.removeprefix("sqlite:///"))
    return find_spec("mlflow") is not None and (bool(os.environ.get("MLFLOW_TRACKING_URI")) or local.exists())


def _run_mlflow_gc(uri: str, ids: Sequence[str]) -> None:
    command = [sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", uri, "--run-ids", ",".join(ids)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise TrackingError(f"`mlflow gc` could not remove {len(ids)} runs that are marked as deleted: {reason}")


def _size(run: Any) -> int:
    folder = artifact_folder(run)
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder else 0
