"""However `slipway run` is stopped, no process and no open MLflow run is left, and the next run works."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.eventually import eventually
from tests.support.fork_server import PROGRAM, clean, slipway
from tests.support.projects import copy_of_programs, diabetes, edit, runs, with_store

WAIT = '    import time; print("waiting", flush=True); time.sleep(600)'


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which `validate` and `split`, which run side by side, never end by themselves."""
    copy = copy_of_programs(tmp_path_factory.mktemp("endless") / "copy")
    for name in ("validate", "split"):
        edit(copy / "components" / name / "run.py", f"    main({name})", WAIT)
    return copy


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = with_store(diabetes(tmp_path_factory.mktemp("diabetes")))
    assert slipway(made, "run").returncode == 0
    return made


# Under nohup, or in the background of a shell, these are ignored, and a program inherits that.
AS_FROM_A_TERMINAL = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); " + (
    "signal.signal(signal.SIGHUP, signal.SIG_DFL)"
)


@pytest.fixture
def running(
    tmp_path: Path, endless: Path, project: Path
) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """A run that waits for two components, and these."""
    environment = clean(PYTHONPATH=str(endless / "src"), TMPDIR=str(tmp_path))
    command = [sys.executable, "-c", f"{AS_FROM_A_TERMINAL}; {PROGRAM}", "run", "--settings", str(project)]
    process = subprocess.Popen(
        command, env=environment, cwd=endless, start_new_session=True, text=True, stderr=subprocess.PIPE
    )
    assert eventually(
        lambda: len([log for log in tmp_path.glob("slipway-*/*/*.log") if "waiting" in log.read_text()]) == 2
    )
    children = psutil.Process(process.pid).children(recursive=True)
    yield process, children
    process.kill()
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.communicate()


def gone(children: list[psutil.Process]) -> bool:
    return not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)


def test_two_components_wait_in_processes_of_their_own(
    running: tuple[subprocess.Popen[str], list[psutil.Process]],
) -> None:
    process, children = running
    assert process.poll() is None
    assert len(children) == 2
    assert not gone(children)


@pytest.mark.parametrize(
    ("number", "send"),
    [(signal.SIGINT, os.kill), (signal.SIGINT, os.killpg), (signal.SIGTERM, os.kill), (signal.SIGHUP, os.kill)],
    ids=["SIGINT", "SIGINT to the whole group, as a terminal does", "SIGTERM", "SIGHUP"],
)
def test_a_signal_ends_the_run_with_its_components_and_its_records(
    running: tuple[subprocess.Popen[str], list[psutil.Process]],
    project: Path,
    tmp_path: Path,
    number: signal.Signals,
    send: Callable[[int, int], None],
) -> None:
    process, children = running
    send(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.endswith(f"slipway: stopped by {number.name}; its components have ended too, and nothing was changed\n")
    assert "Traceback" not in said
    assert gone(children)
    assert runs(project, "attributes.status = 'RUNNING'") == []
    assert runs(project)[0].info.status == "KILLED"
    assert {path.name for path in tmp_path.iterdir()} <= {".ses"}


def test_a_killed_run_takes_its_components_along_and_the_next_run_works(
    running: tuple[subprocess.Popen[str], list[psutil.Process]], project: Path
) -> None:
    process, children = running
    process.kill()
    process.wait()
    assert eventually(lambda: gone(children))
    killed = runs(project, "attributes.status = 'RUNNING'")
    assert len(killed) == 1
    done = slipway(project, "run")
    assert done.returncode == 0, done.stderr
    assert runs(project, "attributes.status = 'RUNNING'") == []
    statuses = {run.info.run_id: run.info.status for run in runs(project)}
    assert statuses[killed[0].info.run_id] == "KILLED"


def test_the_run_of_a_process_that_lives_or_of_another_machine_is_left_alone(project: Path) -> None:
    import mlflow
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project.parent / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("diabetes")
    assert experiment
    host = os.uname().nodename
    others = [f"{host} {os.getpid()}", f"not-{host} 999999999", "no process at all"]
    made = [client.create_run(experiment.experiment_id, tags={"slipway.process": one}) for one in others]
    assert slipway(project, "run").returncode == 0
    assert {run.info.run_id for run in runs(project, "attributes.status = 'RUNNING'")} == {r.info.run_id for r in made}
    for run in made:
        client.set_terminated(run.info.run_id)
    assert mlflow.active_run() is None
