"""What the tests of projects share."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

from tests.support.git_repositories import git
from tests.support.later_versions import make_wheels, tiny_wheel
from tests.support.new_projects import copy_of_new


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> dict[str, Path]:
    """Two later versions of the library, built once for all workers."""
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "later"
    shared.mkdir(exist_ok=True)
    with FileLock(shared / "lock"):
        built = {file.name.split("-")[1]: file for file in sorted(shared.glob("*.whl"))}
        return built or make_wheels(shared)


@pytest.fixture
def project(churn: Path, tmp_path: Path) -> Path:
    """A new project to change."""
    return copy_of_new(churn, tmp_path / "churn")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A project of 1.0.0 with one managed file."""
    root = tmp_path / "small"
    (root / "vendor").mkdir(parents=True)
    tiny_wheel(root / "vendor" / "slipway_ml-1.0.0-py3-none-any.whl", "1.0.0", "all: old\n")
    (root / ".slipway-template.yml").write_text("name: small\ndescription: d\nslipway_version: 1.0.0\n")
    (root / "pyproject.toml").write_text(
        'dependencies = ["slipway-ml==1.0.0"]\ntraining = ["slipway-ml[training]==1.0.0"]\n'
    )
    (root / "requirements.lock").write_text("numpy==2\nslipway-ml==1.0.0 \\\n")
    (root / "Makefile").write_text("all: old\n")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "feat: start")
    return root


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    return tiny_wheel(tmp_path / "slipway_ml-1.1.0-py3-none-any.whl", "1.1.0", "all: new\n")
