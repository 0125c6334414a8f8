"""A bare clone of a project with three releases, and nothing but its lock."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.git_repositories import git
from tests.support.made_once import made_once
from tests.support.releases_to_rebuild import Releases, make_releases


@pytest.fixture
def releases(churn: Path, tmp_path: Path) -> Releases:
    """A new clone each time; the bundles are shared."""
    made = made_once("reproduce", lambda folder: make_releases(churn, folder))
    git(tmp_path, "clone", "-q", str(made / "churn"), "clone")
    return Releases(tmp_path / "clone", made / "churn" / ".slipway" / "bundles")
