"""A pull request that moves the version of a component shows what the gate thinks of the model that it makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.errors import GateRefused
from tests.support.component_repositories import components_repository, locked, move_to, project_on
from tests.support.fork_server import slipway
from tests.support.git_repositories import git
from tests.support.projects import commit, edit, repository, shipped


@pytest.mark.slow
def test_a_moved_version_is_compared_with_the_champion_and_anything_else_is_not(tmp_path: Path) -> None:
    components = components_repository(tmp_path / "components")
    project = project_on(tmp_path / "project", components, "v1.1.0")
    locked(project)
    shipped(repository(project))
    base = git(project.parent, "rev-parse", "HEAD")

    (project.parent / "notes.txt").write_text("nothing that trains")
    git(project.parent, "add", "-A")
    git(project.parent, "commit", "-qm", "docs: notes")
    done = slipway(project, "components", "compare", "--base", base)
    assert (done.returncode, done.stdout) == (0, "no version of a component moved; nothing was trained\n")

    move_to(project, "v1.1.0", "v2.0.0")
    git(project.parent, "commit", "-qam", "feat: the newer components")
    summary = tmp_path / "summary.md"
    done = slipway(project, "components", "compare", SLIPWAY_BASE=base, GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 0, done.stderr
    text = summary.read_text()
    before, now = (git(components, "rev-parse", f"{tag}^{{commit}}") for tag in ("v1.1.0", "v2.0.0"))
    assert f"| `all others` | `v1.1.0 {before}` | `v2.0.0 {now}` |" in text
    print(text)

    edit(project, "minimum_holdout_rows = 20\n", "minimum_holdout_rows = 20\n[gate.minimum]\nr2 = 0.99\n")
    commit(project, "v1.1.0")
    done = slipway(project, "components", "compare", "--base", base)
    assert done.returncode == GateRefused.exit_code
    assert "r2" in done.stderr
    assert (project.parent / ".slipway/target/current").resolve().name.startswith("1.0.0-")


def test_one_component_that_differs_is_named(tmp_path: Path) -> None:
    from slipway.commands.components.compare import find_moves
    from slipway.settings.settings import load_settings

    project = project_on(tmp_path / "project", components_repository(tmp_path / "components"), "v1.0.0")
    locked(project)
    base = git(repository(project).parent, "rev-parse", "HEAD")
    with project.open("a") as file:
        file.write('[components.versions]\ntrain = "v1.1.0"\n')
    locked(project)
    ((name, before, now),) = find_moves(load_settings(project), base)
    assert (name, before[:6], now[:6]) == ("train", "v1.0.0", "v1.1.0")
    assert find_moves(load_settings(project), "HEAD") == find_moves(load_settings(project), base)
