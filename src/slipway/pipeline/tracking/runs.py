"""The MLflow run of a whole pipeline: none is left running, however its process ended."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from slipway.pipeline.signals import Stopped

PROCESS_TAG = "slipway.process"
STEP_TAG = "slipway.step"
USED_TAG = "slipway.used"
"""On the run of a whole pipeline: the runs that its steps' files came from, whoever made them."""


def open_run(client: Any, experiment: str, name: str, overrides: Sequence[str]) -> Any:
    """A new run that says which process it belongs to; runs of processes that are gone are closed first."""
    for run in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
        if _is_gone(run.data.tags.get(PROCESS_TAG, "")):
            close_run(client, run, "KILLED")
    tags = {"slipway.overrides": " ".join(overrides), PROCESS_TAG: f"{socket.gethostname()} {os.getpid()}"}
    return client.create_run(experiment, run_name=name, tags=tags)


@contextmanager
def closing(client: Any, run: Any) -> Iterator[None]:
    """End the run with the block: finished, failed, or killed by a signal."""
    try:
        yield
    except Stopped:
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


def close_run(client: Any, run: Any, status: str) -> None:
    """End a run, and those of its steps that were left open."""
    inside = f"tags.`mlflow.parentRunId` = '{run.info.run_id}' and attributes.status = 'RUNNING'"
    for step in client.search_runs([run.info.experiment_id], inside):
        client.set_terminated(step.info.run_id, status)
    client.set_terminated(run.info.run_id, status)


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
