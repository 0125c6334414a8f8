"""The preview shows what a merge would release, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.commands.check_contract import check_compatibility
from slipway.commands.preview import preview
from slipway.settings.settings import load_settings
from slipway.versioning.next_version import NextVersion, find_next_version
from tests.support.fork_server import slipway_here
from tests.support.git_repositories import commit, git, pushed, refs, released
from tests.support.projects import diabetes

pytestmark = pytest.mark.usefixtures("own_environment")


def test_a_preview_names_version_notes_callers_and_training_and_changes_nothing(tmp_path: Path) -> None:
    root = released(tmp_path)
    settings = load_settings(diabetes(root))
    pushed(root, "feat(api): answer in *euros* (#7)", "fix: close the `door`")
    before = (refs(root), git(root, "log", "--all", "--format=%H"), git(root, "status", "--porcelain"))
    done = slipway_here(root, "preview")
    assert before == (refs(root), git(root, "log", "--all", "--format=%H"), git(root, "status", "--porcelain"))
    sha = settings.data.sources["diabetes"].sha256
    for part in (
        "## This releases 1.1.0, after 1.0.0\n\n### v1.1.0 (",
        "#### Features\n\n- **api**: Answer in *euros* ([#7](",
        "#### Bug Fixes\n\n- Close the `door` ([`",
        "### For callers\n\nThere is no release to compare with",
        "### What is trained: `diabetes`\n\n`sklearn.linear_model.Ridge` on `ingest.py:features`.",
        f"| `diabetes` | `diabetes.csv` | `{sha}` |",
    ):
        assert part in done.stdout


def test_a_preview_of_nothing_says_so(tmp_path: Path) -> None:
    root = released(tmp_path)
    settings = load_settings(diabetes(root))
    commit(root, "docs: words")
    coming = find_next_version(root)
    assert coming == NextVersion("1.0.0", False, "1.0.0", "")
    text = preview(settings, coming, check_compatibility(settings.contract, None, coming))
    assert text.startswith("## This releases nothing; the last release is still 1.0.0\n\n### For callers")
