"""Components and the pipeline as `mlflow run` starts them: by hand, and in an environment made from the lock."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.flights import BIN, ROOT, clone, environment_for_people, git
from tests.support.new_projects import copy_of_new
from tests.support.projects import copy_store, diabetes


def mlflow_run(project: str, store: Path, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """`mlflow run` with the virtual environment activated and a store of its own, by default at the repository's root."""
    environment = environment_for_people() | {
        "MLFLOW_TRACKING_URI": f"sqlite:///{store / 'mlflow.db'}",
        "MLFLOW_ENV_ROOT": str(store / "environments"),
    }
    command = [str(BIN / "mlflow"), "run", project, *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def split_alone(store: Path, manager: str, project: Path = ROOT) -> None:
    """Run the project's component `split` on real rows, and look at what its run in MLflow holds."""
    data = store / "data.parquet"
    copy_store(store)
    pd.read_csv(diabetes(store / "p").with_name("diabetes.csv")).to_parquet(data)
    client = mlflow.MlflowClient(f"sqlite:///{store / 'mlflow.db'}")
    number = client.create_experiment("alone", artifact_location=(store / "artifacts").as_uri())
    arguments = ["-P", f"data={data}", "-P", "target=target", "-P", "by=hash", "--experiment-name", "alone"]
    done = mlflow_run("components/split", store, *arguments, "--env-manager", manager, cwd=project)
    assert done.returncode == 0, done.stderr
    run = client.search_runs([number])[0]
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert files == {"train.parquet", "holdout.parquet", "split.json", "scores.json", "split.log"}
    assert run.data.metrics["train_rows"] + run.data.metrics["holdout_rows"] == 442


def installed(*places: Path) -> set[str]:
    """Names and versions of what is installed."""
    found = importlib.metadata.distributions(path=[str(p) for p in places])
    return {f"{canonicalize_name(d.name)}=={d.version}" for d in found}


def locked(lock: Path) -> set[str]:
    """Names and versions of what a lock installs on this machine."""
    wanted = [Requirement(line.rstrip(" \\")) for line in lock.read_text().splitlines() if re.match(r"[a-z].*==", line)]
    return {f"{w.name}{w.specifier}" for w in wanted if w.marker is None or w.marker.evaluate()}


@pytest.mark.slow
def test_a_component_runs_alone_in_the_environment_at_hand(tmp_path: Path) -> None:
    split_alone(tmp_path, "local")


@pytest.mark.slow
def test_a_component_runs_alone_in_an_environment_that_uv_makes_from_the_lock(churn: Path, tmp_path: Path) -> None:
    """In a project with the library's wheel in `vendor/`, from which the environment has it."""
    project = copy_of_new(churn, tmp_path / "churn")
    split_alone(tmp_path, "uv", project)
    packages = list((tmp_path / "environments").glob("*/lib/python*/site-packages"))
    assert installed(*packages) == locked(project / "components" / "requirements.lock")


@pytest.mark.slow
def test_the_pipeline_runs_as_a_project_with_the_settings_that_it_is_given(tmp_path: Path) -> None:
    copy_store(tmp_path)
    settings = diabetes(tmp_path / "p")
    done = mlflow_run(".#pipeline", tmp_path, "-P", f"settings={settings}", "--env-manager", "local")
    assert done.returncode == 0, done.stderr
    model = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}").download_artifacts
    run_id = done.stdout.strip().removeprefix("runs:/").removesuffix("/model")
    assert (Path(model(run_id, "model")) / "model.onnx").is_file()


def tagged(repository: Path, *tags: str) -> str:
    """A repository in which each tag's library says which one it is; its address."""
    program = clone(repository) / "src" / "slipway" / "pipeline" / "run.py"
    whole = program.read_text()
    for tag in tags:
        program.write_text(f"{whole}\n\nprint('the library of {tag}')\n")
        git(repository, "commit", "-qam", f"feat: {tag}")
        git(repository, "tag", tag)
    return repository.as_uri()


@pytest.mark.slow
def test_from_outside_a_tag_is_run_with_its_own_library_whatever_is_installed(tmp_path: Path) -> None:
    address = tagged(tmp_path / "repository", "v2.0.0", "v3.0.0")
    copy_store(tmp_path)
    settings = diabetes(tmp_path / "p")
    arguments = ["-P", f"settings={settings}", "--env-manager", "local"]
    for tag in ("v2.0.0", "v3.0.0"):
        done = mlflow_run(f"{address}#pipeline", tmp_path, "-v", tag, *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        said, model = done.stdout.strip().splitlines()
        assert said == f"the library of {tag}"
        assert model.startswith("runs:/")
