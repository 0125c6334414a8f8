"""The version step on real repositories: real git, the real settings, real python-semantic-release."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from slipway.errors import BranchMovedError, ReleaseError
from slipway.versioning.tag_release import tag_release
from tests.support.eventually import eventually
from tests.support.git_repositories import (
    EMPTY_CHANGELOG,
    clone,
    commit,
    git,
    hook,
    pushed,
    refs,
    released,
    tagged,
    template,
)

SLIPWAY = Path(sys.executable).with_name("slipway")


def version_in(root: Path) -> str:
    return str(tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"])


def changelog(root: Path) -> str:
    return (root / "CHANGELOG.md").read_text()


def run_release(root: Path) -> str:
    return subprocess.run([SLIPWAY, "release"], cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("message", "version"),
    [
        ("fix: a wrong sign", "v1.0.1"),
        ("feat!: another target", "v2.0.0"),
        ("docs: say it\n\nMore.\n\nBREAKING CHANGE: the port moved", "v2.0.0"),
        ("fix: squashed (#12)\n\n* wip\n\n* feat: the real thing (#11)", "v1.1.0"),
        ("revert: feat: the first thing", "v1.0.1"),
        ('Revert "feat: the first thing"\n\nThis reverts commit 1a2b3c4.', "v1.0.1"),
    ],
)
def test_a_commit_releases_what_the_table_says(tmp_path: Path, message: str, version: str) -> None:
    root = released(tmp_path)
    before = pushed(root, message)
    done = tag_release(root)
    assert (done.tag, done.new) == (version, True)
    there = refs(root)
    assert there["main"] == git(root, "rev-parse", "HEAD") == git(root, "rev-parse", f"{version}^{{commit}}")
    assert there[version] == git(root, "rev-parse", version)
    assert git(root, "log", "-1", "--format=%s %P") == f"chore(release): {version} {before}"
    assert version_in(root) == version[1:]
    assert changelog(root).count(f"## {version} (") == 1
    assert git(root, "status", "--porcelain") == ""


def test_what_releases_nothing_changes_nothing_and_is_no_failure(tmp_path: Path) -> None:
    root = released(tmp_path)
    assert tag_release(root).sentence == "nothing to release: this commit is already v1.0.0"
    pushed(root, "docs: say more", "feta: an unknown type", "wip", "chore: x")
    before, head = refs(root), git(root, "rev-parse", "HEAD")
    done = tag_release(root)
    assert (done.tag, done.new) == ("", False)
    assert done.sentence.startswith("nothing to release: no commit since v1.0.0")
    assert (refs(root), git(root, "rev-parse", "HEAD")) == (before, head)


def test_a_template_waits_for_a_commit_that_asks_for_its_first_release(tmp_path: Path) -> None:
    root = template(tmp_path)
    assert tag_release(root).tag == ""
    pushed(root, "docs: what this is")
    assert "the first release needs a commit that releases a version" in tag_release(root).sentence
    pushed(root, "fix: the first real change")
    assert tag_release(root).tag == "v1.0.0"
    assert version_in(root) == "1.0.0"
    assert "- The first real change" in changelog(root)


def test_a_real_merge_counts_by_the_commits_that_it_brings(tmp_path: Path) -> None:
    root = released(tmp_path)
    git(root, "checkout", "-q", "-b", "side")
    commit(root, "fix: on the side", file="side.txt")
    git(root, "checkout", "-q", "main")
    commit(root, "docs: on main")
    git(root, "merge", "-q", "--no-ff", "side", "-m", "feat: what a merge says does not count")
    git(root, "push", "-q", "origin", "main")
    assert tag_release(root).tag == "v1.0.1"


def test_running_it_again_after_a_success_names_the_same_tag_and_adds_nothing(tmp_path: Path, output: Path) -> None:
    root = released(tmp_path)
    pushed(root, "feat: more")
    said = [run_release(root), run_release(root), run_release(clone(root, tmp_path / "fresh"))]
    assert output.read_text() == "tag=v1.1.0\n" * 3
    assert "were pushed to origin in one step" in said[0]
    assert said[1] == said[2] == "nothing to release: this commit is already v1.1.0\n"
    assert sorted(refs(root)) == ["main", "v1.0.0", "v1.1.0"]


def test_nothing_to_release_is_an_empty_output(tmp_path: Path, output: Path) -> None:
    root = released(tmp_path)
    pushed(root, "docs: x")
    run_release(root)
    assert output.read_text() == "tag=\n"


def test_a_tag_only_release_leaves_main_alone(tmp_path: Path) -> None:
    root = released(tmp_path)
    head = pushed(root, "feat: more")
    hook(root, '[ "$1" != refs/heads/main ]')
    with pytest.raises(ReleaseError, match=r"origin rejected v1\.1\.0: .*hook declined.* --tag-only"):
        tag_release(root)
    assert tag_release(root, tag_only=True).tag == "v1.1.0"
    assert refs(root)["main"] == git(root, "rev-parse", "v1.1.0^{commit}") == head
    assert (version_in(root), changelog(root)) == ("0.0.0", EMPTY_CHANGELOG)
    assert tag_release(root, tag_only=True).tag == "v1.1.0"


def test_a_maintenance_branch_releases_its_own_numbers_and_no_others(tmp_path: Path) -> None:
    root = released(tmp_path, "v1.4.0")
    tagged(root, "v2.0.0", "feat!: another world")
    git(root, "checkout", "-q", "-b", "1.4.x", "v1.4.0")
    pushed(root, "fix: an old fault")
    assert tag_release(root).tag == "v1.4.1"
    assert refs(root)["1.4.x"] == git(root, "rev-parse", "v1.4.1^{commit}")
    pushed(root, "feat: too much for it")
    with pytest.raises(ReleaseError, match=r"branch 1\.4\.x releases only 1\.4\.\*, but its commits require 1\.5\.0"):
        tag_release(root)
    git(root, "checkout", "-q", "main")
    assert tag_release(root).tag == "v2.0.0"


def test_a_version_that_another_branch_took_is_named_instead_of_silently_skipped(tmp_path: Path) -> None:
    root = released(tmp_path, "v1.4.0")
    git(root, "checkout", "-q", "-b", "1.4.x")
    tagged(root, "v1.4.1", "fix: there")
    git(root, "checkout", "-q", "main")
    pushed(root, "fix: here")
    with pytest.raises(ReleaseError, match=r"require 1\.4\.1, but v1\.4\.1 already exists outside the history of main"):
        tag_release(root)


@pytest.mark.parametrize("branch", ["feature", "main-2"])
def test_only_release_branches_release(tmp_path: Path, branch: str) -> None:
    root = released(tmp_path)
    git(root, "checkout", "-q", "-b", branch)
    pushed(root, "feat: x")
    with pytest.raises(ReleaseError, match=f"branch {branch} is not a release branch"):
        tag_release(root)


def test_tags_that_are_missing_here_are_fetched_before_anything_is_numbered(tmp_path: Path) -> None:
    root = released(tmp_path, "v1.2.0")
    pushed(root, "fix: y")
    bare_of_tags = clone(root, tmp_path / "clone", "--no-tags")
    assert git(bare_of_tags, "tag") == ""
    assert tag_release(bare_of_tags).tag == "v1.2.1"


def test_a_shallow_clone_is_told_to_fetch_all(tmp_path: Path) -> None:
    root = released(tmp_path)
    pushed(root, "fix: y")
    with pytest.raises(ReleaseError, match="fetch-depth: 0"):
        tag_release(clone(root, tmp_path / "shallow", "--depth", "1"))


def test_a_detached_head_is_told_to_check_a_branch_out(tmp_path: Path) -> None:
    root = released(tmp_path)
    pushed(root, "fix: y")
    git(root, "checkout", "-q", "--detach")
    with pytest.raises(ReleaseError, match="has a detached HEAD"):
        tag_release(root)


def test_uncommitted_changes_commits_not_pushed_and_tags_not_pushed_stop_it(tmp_path: Path) -> None:
    root = released(tmp_path)
    (root / "work.txt").write_text("changed")
    with pytest.raises(ReleaseError, match=r"uncommitted changes \(work.txt\)"):
        tag_release(root)
    commit(root, "feat: not pushed")
    with pytest.raises(ReleaseError, match="push your commits first"):
        tag_release(root)
    git(root, "push", "-q", "origin", "main")
    git(root, "tag", "v7.0.0")
    with pytest.raises(ReleaseError, match=r"the tag v7\.0\.0 exists only here and not on origin"):
        tag_release(root)


def test_a_tag_that_means_something_else_on_the_remote_stops_it(tmp_path: Path) -> None:
    root = released(tmp_path)
    pushed(root, "fix: y")
    git(root, "tag", "-f", "v1.0.0")
    with pytest.raises(
        ReleaseError, match=r"the tag v1\.0\.0 is .* here but .* on origin; a release tag must never move"
    ):
        tag_release(root)


def test_a_refused_tag_leaves_nothing_half_done_and_the_rerun_releases_once(tmp_path: Path) -> None:
    root = released(tmp_path)
    head = pushed(root, "feat: more")
    before = refs(root)
    hook(root, 'case "$1" in refs/tags/*) echo "tags are protected by a rule" >&2; exit 1;; esac')
    with pytest.raises(
        ReleaseError, match=r"origin rejected v1\.1\.0: .*tags are protected by a rule.*nothing was pushed"
    ):
        tag_release(root)
    assert refs(root) == before
    assert (git(root, "rev-parse", "HEAD"), git(root, "tag")) == (head, "v1.0.0")
    hook(root, "exit 0")
    assert tag_release(root).tag == "v1.1.0"
    assert changelog(root).count("## v1.1.0 (") == 1
    assert git(root, "log", "--format=%s").count("chore(release): v1.1.0") == 1


def test_main_moved_before_the_release_is_an_error_of_its_own(tmp_path: Path) -> None:
    root = released(tmp_path)
    pushed(root, "fix: one")
    late = clone(root, tmp_path / "late")
    pushed(root, "feat: two")
    with pytest.raises(BranchMovedError, match="update the checkout and run this again"):
        tag_release(late)
    git(late, "pull", "-q")
    assert tag_release(late).tag == "v1.1.0"


def test_main_moved_during_the_release_leaves_nothing_half_done(tmp_path: Path) -> None:
    root = released(tmp_path)
    head = pushed(root, "fix: one")
    other = clone(root, tmp_path / "other")
    newer = commit(other, "feat: two")
    race = root / ".git" / "hooks" / "pre-push"
    race.write_text(f"#!/bin/sh\nenv -u GIT_DIR git -C {other} push -q origin main\n")
    race.chmod(0o755)
    with pytest.raises(
        BranchMovedError, match=r"main moved on origin .* during the release of v1\.0\.1; nothing was pushed"
    ):
        tag_release(root)
    assert refs(root)["main"] == newer
    assert "v1.0.1" not in refs(root)
    assert (git(root, "rev-parse", "HEAD"), git(root, "tag")) == (head, "v1.0.0")
    race.unlink()
    git(root, "pull", "-q")
    assert tag_release(root).tag == "v1.1.0"


def test_two_releases_at_once_make_one(tmp_path: Path) -> None:
    root = released(tmp_path)
    pushed(root, "fix: one", "feat: two")
    places = [root, clone(root, tmp_path / "other")]
    runs = [
        subprocess.Popen([SLIPWAY, "release"], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for place in places
    ]
    assert sorted(run.wait() for run in runs) == [0, BranchMovedError.exit_code]
    for run in runs:
        run.communicate()
    fresh = clone(root, tmp_path / "fresh")
    assert git(fresh, "log", "--format=%s").count("chore(release)") == 1
    assert changelog(fresh).count("## v1.1.0 (") == 1


def test_a_killed_release_leaves_the_checkout_and_the_remote_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = released(tmp_path)
    head = pushed(root, "feat: more")
    before = refs(root)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    run = subprocess.Popen([SLIPWAY, "release"], cwd=root, start_new_session=True)
    assert eventually(lambda: list(scratch.glob("slipway-release-*/repository/work.txt")))
    os.killpg(run.pid, signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert refs(root) == before
    assert (git(root, "rev-parse", "HEAD"), git(root, "tag"), git(root, "status", "--porcelain")) == (
        head,
        "v1.0.0",
        "",
    )
    assert tag_release(root).tag == "v1.1.0"


def test_without_a_push_commit_and_tag_are_made_here_only(tmp_path: Path) -> None:
    root = template(tmp_path)
    git(root, "remote", "remove", "origin")
    commit(root, "feat: offline")
    assert tag_release(root, to_remote=False).sentence.endswith("were created here and not pushed")
    assert git(root, "tag", "--points-at", "HEAD") == "v1.0.0"
    assert version_in(root) == "1.0.0"


def test_a_workflow_of_another_server_without_tls_does_not_stop_the_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("GITHUB_SERVER_URL", "http://127.0.0.1:9")
    root = released(tmp_path)
    pushed(root, "feat: more")
    assert tag_release(root).tag == "v1.1.0"


def test_a_templates_folder_does_not_become_the_changelog(tmp_path: Path) -> None:
    root = released(tmp_path)
    (root / "templates").mkdir()
    pushed(root, "docs: y")
    commit(root, "fix: more", file="templates/CHANGELOG.md.j2")
    git(root, "push", "-q")
    tag_release(root)
    assert "- More (" in changelog(root).replace("\n  ", " ")
    assert changelog(root).startswith("# Changelog\n\n<!-- version list -->\n\n## v1.0.1 (")
