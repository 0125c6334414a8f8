"""A version is read from real git repositories."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from packaging.version import Version as Comparable
from semver import Version as Semver

from slipway.errors import VersionError
from slipway.versioning.checkout_version import version_of
from tests.support.git_repositories import git


def commit(root: Path, *tags: str) -> str:
    # Two commits of one second that say the same are one commit.
    git(root, "commit", "--allow-empty", "-m", f"feat: {uuid4()}")
    for tag in tags:
        git(root, "tag", tag)
    return git(root, "rev-parse", "HEAD").strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-b", "main")
    return tmp_path


def test_a_clean_checkout_of_a_tag_is_that_release(root: Path) -> None:
    sha = commit(root, "v1.4.0")
    version = version_of(root)
    assert (version.text, version.commit, version.dirty, version.exact) == ("1.4.0", sha, False, True)


def test_commits_after_a_tag_are_a_pre_release_of_the_next_patch(root: Path) -> None:
    commit(root, "v1.4.0")
    commit(root)
    sha = commit(root)
    version = version_of(root)
    assert version.text == f"1.4.1-dev.2+g{sha[:7]}"
    assert not version.exact
    assert Semver.parse("1.4.0") < Semver.parse(version.text) < Semver.parse("1.4.1")


def test_a_change_at_a_tag_is_no_longer_that_release(root: Path) -> None:
    sha = commit(root, "v1.4.0")
    (root / "new.txt").write_text("not committed")
    version = version_of(root)
    assert (version.text, version.dirty, version.exact) == (f"1.4.1-dev.0+g{sha[:7]}.dirty", True, False)
    assert Semver.is_valid(version.text)


def test_a_tag_with_overridden_settings_is_no_longer_that_release(root: Path) -> None:
    sha = commit(root, "v1.4.0")
    version = version_of(root, overridden=True)
    assert (version.text, version.dirty, version.exact) == (f"1.4.1-dev.0+g{sha[:7]}.dirty", True, False)
    assert version_of(root, overridden=False).text == "1.4.0"


def test_without_any_tag_the_first_release_is_still_to_come(root: Path) -> None:
    commit(root)
    sha = commit(root)
    assert version_of(root).text == f"1.0.0-dev.2+g{sha[:7]}"


def test_the_highest_version_counts_and_not_the_last_text(root: Path) -> None:
    commit(root, "v1.9.0", "v1.10.0", "v2.0.0-rc.1", "latest", "v3")
    assert version_of(root).text == "1.10.0"
    commit(root)
    assert version_of(root).text.startswith("1.10.1-dev.1+g")


def test_a_tag_on_another_branch_does_not_count(root: Path) -> None:
    commit(root, "v1.0.0")
    git(root, "checkout", "-b", "side")
    commit(root, "v2.0.0")
    git(root, "checkout", "main")
    commit(root)
    assert Comparable(version_of(root).text.split("-")[0]) == Comparable("1.0.1")


def test_an_annotated_tag_is_a_release_and_a_branch_of_its_name_is_not_mistaken_for_it(root: Path) -> None:
    commit(root)
    git(root, "tag", "-a", "v1.2.3", "-m", "1.2.3")
    assert version_of(root).text == "1.2.3"
    commit(root)
    git(root, "branch", "v1.2.3")
    assert version_of(root).text.startswith("1.2.4-dev.1+g")


def test_a_repository_without_a_commit_has_no_version(root: Path) -> None:
    with pytest.raises(VersionError, match="has no commits yet"):
        version_of(root)


def test_a_folder_outside_git_has_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(VersionError, match="not a git repository"):
        version_of(tmp_path)


def test_without_git_there_is_no_version(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(root, "v1.0.0")
    monkeypatch.setenv("PATH", str(root))
    with pytest.raises(VersionError, match="git is not installed"):
        version_of(root)
