"""The pipeline's runs in MLflow: none is left running, however its process ended, and what nothing needs is removed."""

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
"""On the run of a whole pipeline: the runs that its steps' files came from, whoever made them."""
_BATCH_SIZE = 500


@dataclass(frozen=True, slots=True)
class OldRun:
    """A run that nothing needs, and the bytes of its files, where they lie in a folder."""

    id: str
    name: str
    size: int


def open_run(client: Any, experiment: str, name: str, overrides: Sequence[str]) -> Any:
    """A new run that says which process it belongs to; runs of processes that are gone are closed first."""
    for run in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
        if _is_gone(run.data.tags.get(PROCESS_TAG, "")):
            close_run(client, run, "KILLED")
    tags = {"slipway.overrides": " ".join(overrides), PROCESS_TAG: f"{socket.gethostname()} {os.getpid()}"}
    return client.create_run(experiment, run_name=name, tags=tags)


@contextmanager
def closing_run(client: Any, run: Any) -> Iterator[None]:
    """End the run with the block: finished, failed, or killed by a signal."""
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
    """Scores as the run's metrics."""
    for name, value in scores.items():
        client.log_metric(run_id, name, value)


def artifact_folder(run: Any) -> Path | None:
    """The folder of a run's files, where the store keeps them in one."""
    place = urlparse(run.info.artifact_uri)
    return Path(url2pathname(place.path)) if place.scheme in ("", "file") else None


def close_run(client: Any, run: Any, status: str) -> None:
    """End a run, and those of its steps that were left open."""
    inside = f"tags.`mlflow.parentRunId` = '{run.info.run_id}' and attributes.status = 'RUNNING'"
    for step in client.search_runs([run.info.experiment_id], inside):
        client.set_terminated(step.info.run_id, status)
    client.set_terminated(run.info.run_id, status)


def old_runs(settings: Settings, keep: int) -> list[OldRun]:
    """The pipeline's runs but the newest ``number``, those that are running, and the steps that either of them uses.

    Steps are the cache: one that a kept run took from it stays, whoever made it. Runs that hold a registered bundle are
    the registry's, and no run of anybody else's is looked at.

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
    gone = [run for run in parents if run.info.run_id not in names]
    gone += [s for s in steps if s.data.tags.get("mlflow.parentRunId") not in names and s.info.run_id not in used]
    return [OldRun(run.info.run_id, run.info.run_name or "", _size(run)) for run in gone]


def delete_runs(settings: Settings, runs: Sequence[OldRun]) -> None:
    """Delete runs, and where the store is a file beside the settings also their rows and files, for good.

    On a team's server they are marked as deleted, and its `mlflow gc` removes them.

    Raises:
        TrackingError: the store does not let them go.
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
    """Whether the process ran on this machine and does no more; nothing is known of other machines."""
    host, _, pid = process.rpartition(" ")
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _has_store(settings: Settings) -> bool:
    """A serving host has none, and need not have MLflow either."""
    local = Path(settings.tracking_uri.removeprefix("sqlite:///"))
    return find_spec("mlflow") is not None and (bool(os.environ.get("MLFLOW_TRACKING_URI")) or local.exists())


def _run_mlflow_gc(uri: str, ids: Sequence[str]) -> None:
    command = [sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", uri, "--run-ids", ",".join(ids)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise TrackingError(f"`mlflow gc` could not remove {len(ids)} runs that are marked as deleted; it said: {said}")


def _size(run: Any) -> int:
    folder = artifact_folder(run)
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder else 0
