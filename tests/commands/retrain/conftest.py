"""A released project along a calendar, with a bare remote; each test has a copy, and all share one MLflow store."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.git_repositories import environment, git, pushed, template
from tests.support.projects import IGNORED, copy_store, parcels
from tests.support.retrain import THROUGH


@pytest.fixture(scope="session")
def _released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its folder: ``project`` and ``remote.git``; v1.0.0 is pinned through a day before the end of the data."""
    folder = tmp_path_factory.mktemp("released")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(folder).items():
            patch.setenv(name, value)
        root = template(folder)
        settings = parcels(root)
        text = settings.read_text().replace('time = "time"\n', f'time = "time"\nthrough = {THROUGH} # the last day\n')
        settings.write_text(text.replace("holdout_days = 30", "holdout_days = 20"))
        (root / ".gitignore").write_text(IGNORED)
        pushed(root, "feat: parcels")
        git(root, "tag", "-a", "v1.0.0", "-m", "v1.0.0")
        git(root, "push", "-q", "origin", "v1.0.0")
    return folder


@pytest.fixture(scope="session")
def _store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{copy_store(tmp_path_factory.mktemp('store'))}"


@pytest.fixture
def root(_released: Path, _store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's folder; a person is at work in it who is no workflow."""
    for name in ("GITHUB_ACTIONS", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GH_TOKEN", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", _store)
    shutil.copytree(_released, tmp_path, dirs_exist_ok=True, symlinks=True)
    root = tmp_path / "project"
    git(root, "remote", "set-url", "origin", str(tmp_path / "remote.git"))
    return root
