"""A project in a git repository, and `slipway` on it, as a person would type them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from slipway.bundle.release_file import bundle_digest
from tests.support.fork_server import slipway

IGNORED = ".slipway/\nmlflow.db*\nmlartifacts/\n__pycache__/\n"


def git(project: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=project.parent, check=True, capture_output=True)


def commit(project: Path, tag: str) -> None:
    git(project, "add", "-A")
    git(project, "commit", "-qm", f"feat: {tag}")
    git(project, "tag", tag)


def repository(project: Path, tag: str = "v1.0.0") -> Path:
    (project.parent / ".gitignore").write_text(IGNORED)
    git(project, "init", "-q", "-b", "main")
    commit(project, tag)
    return project


def champion(project: Path) -> str:
    return bundle_digest((project.parent / ".slipway/target/current").resolve())


def shipped(project: Path) -> dict[str, object]:
    done = slipway(project, "ship", "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = done.told
    return told


def runs(project: Path, where: str = "") -> list[Any]:
    """The MLflow runs of a project's store, newest first."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project.parent / 'mlflow.db'}")
    return list(client.search_runs([e.experiment_id for e in client.search_experiments()], where))


def files_of(run: Any) -> Path:
    """Where the store has a run's files."""
    return Path(run.info.artifact_uri.removeprefix("file://"))
