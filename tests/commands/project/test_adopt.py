"""`slipway new .` in a repository that exists: it gets what it lacks, and keeps what it has."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from slipway.commands.project.adopt import adopt
from tests.support.git_repositories import git

pytestmark = pytest.mark.slow

PROJECT = '[project]\nname = "ours"\nversion = "2.0.0"\ndependencies = ["click"]\n\n[tool.ruff]\nline-length = 99\n'
MAKEFILE = "all:\n\techo hi\n"


@pytest.fixture
def root(churn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A team's repository; what `churn` resolved is in uv's cache, so no index is needed again."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv"))
    root = tmp_path / "ours"
    root.mkdir()
    for name, text in {
        "pyproject.toml": PROJECT,
        "README.md": "# Ours\n",
        ".gitignore": ".env",
        "Makefile": MAKEFILE,
    }.items():
        (root / name).write_text(text)
    git(tmp_path, "init", "-q", "-b", "main", str(root))
    git(root, "add", "--all")
    git(root, "commit", "-qm", "feat: ours")
    return root


def test_what_is_missing_is_added_and_what_differs_is_changed_only_if_allowed(root: Path) -> None:
    done = adopt(root, "ours", may_change=lambda change: not change.replaces)
    assert done.changed == [".gitignore", "pyproject.toml"]
    assert done.kept == ["Makefile"]
    assert {"slipway.toml", "contract.json", "pipeline/run.py", ".github/workflows/deploy.yml"} <= set(done.added)
    assert len(set(done.added)) == len(done.added)
    assert ((root / "README.md").read_text(), (root / "Makefile").read_text()) == ("# Ours\n", MAKEFILE)
    ignored = (root / ".gitignore").read_text().splitlines()
    assert ignored[0] == ".env" and ".venv/" in ignored
    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert (project["project"]["version"], project["tool"]["ruff"]) == ("2.0.0", {"line-length": 99})
    assert {"training", "release", "dev"} <= set(project["dependency-groups"])
    assert "\nclick==" in (root / "requirements.lock").read_text()
    assert git(root, "log", "--format=%s") == "feat: ours"

    again = adopt(root, "ours", may_change=lambda change: not change.replaces)
    assert (again.added, again.changed) == ([], [])


def test_a_lock_of_the_teams_own_is_kept_also_where_the_locks_are_resolved_again(root: Path) -> None:
    (root / "requirements.lock").write_text("click==8.0.0\n")
    (root / "pipeline").mkdir()
    (root / "pipeline" / "requirements.lock").write_text("ours\n")
    done = adopt(root, "ours", may_change=lambda change: not change.replaces)
    assert {"Makefile", "requirements.lock"} <= set(done.kept)
    assert (root / "requirements.lock").read_text() == "click==8.0.0\n"
    assert (root / "pipeline" / "requirements.lock").read_text() == "ours\n"


def test_a_file_that_the_team_lets_go_is_replaced(root: Path) -> None:
    done = adopt(root, "ours", may_change=lambda change: change.path.name == "Makefile")
    assert done.changed == ["Makefile"]
    assert "slipway ship" in (root / "Makefile").read_text()
    assert (root / "pyproject.toml").read_text() == PROJECT
