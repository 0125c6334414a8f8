"""A pull request that moves the version of a component shows what the gate thinks of the model that it makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.commands.components.compare import find_moves
from slipway.commands.make_release import components_table
from slipway.errors import GateRefused
from slipway.settings.settings import load_settings
from tests.support.component_repositories import components_repository, locked, move_to, project_on
from tests.support.fork_server import slipway
from tests.support.git_repositories import git
from tests.support.projects import edit, repository


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in a repository, on the first version of the components; returns its slipway.toml."""
    settings = project_on(tmp_path / "project", components_repository(tmp_path / "components"), "v1.0.0")
    locked(settings)
    return repository(settings)


def test_a_branch_that_moves_no_version_trains_nothing(project: Path) -> None:
    base = git(project.parent, "rev-parse", "HEAD")
    (project.parent / "notes.txt").write_text("nothing that trains")
    git(project.parent, "add", "-A")
    git(project.parent, "commit", "-qm", "docs: notes")
    done = slipway(project, "components", "compare", "--base", base)
    assert (done.returncode, done.stdout) == (0, "no version of a component moved; nothing was trained\n")


@pytest.mark.slow
def test_a_model_that_the_gate_would_refuse_is_red_and_the_summary_says_why(project: Path, tmp_path: Path) -> None:
    edit(project, "minimum_holdout_rows = 20\n", "minimum_holdout_rows = 20\n[gate.minimum]\nr2 = 0.99\n")
    move_to(project, "v1.0.0", "v2.0.0")
    git(project.parent, "commit", "-qam", "feat: the newer components")
    summary = tmp_path / "summary.md"
    done = slipway(project, "components", "compare", SLIPWAY_BASE="HEAD~1", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == GateRefused.exit_code
    assert "r2" in done.stderr
    assert "| `all others` | `v1.0.0 " in summary.read_text()
    assert "r2" in summary.read_text()


def test_one_component_that_differs_is_named(project: Path) -> None:
    base = git(project.parent, "rev-parse", "HEAD")
    with project.open("a") as file:
        file.write('[components.versions]\ntrain = "v1.1.0"\n')
    locked(project)
    ((name, before, now),) = find_moves(load_settings(project), base)
    assert (name, before[:6], now[:6]) == ("train", "v1.0.0", "v1.1.0")
    assert find_moves(load_settings(project), "HEAD") == find_moves(load_settings(project), base)


def test_the_notes_of_a_release_list_the_versions() -> None:
    version = {"repository": "https://example.org/steps", "version": "v1.1.0", "commit": "1" * 40}
    assert components_table({"train": version}) == (
        "### Components of another repository\n\n| Component | Repository | Version | Commit |\n|---|---|---|---|\n"
        f"| train | `https://example.org/steps` | `v1.1.0` | `{'1' * 40}` |\n"
    )
