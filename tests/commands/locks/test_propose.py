"""Newer locks become one pull request, which only ever contains locks and never replaces what a person pushed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_github.fake import GitHub

from slipway.commands.locks.lock_files import compare_versions, lock_files
from slipway.commands.locks.propose import BRANCH, TITLE, propose_changes, save_changes
from slipway.errors import GitHubError, NotFoundError, ReleaseError, SettingsError
from tests.support.git_repositories import git, pushed
from tests.support.release_files import Client

BOTH = ("requirements.lock", "deploy/requirements-spark.lock")


def lock(**versions: str) -> str:
    return "".join(f"{name}=={version} \\\n    --hash=sha256:{'0' * 64}\n" for name, version in versions.items())


@pytest.fixture
def root(
    tmp_path: Path, github: GitHub, own_environment: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A checkout of the repository on the fake, with two locks and a link to one of them."""
    monkeypatch.setenv("GH_TOKEN", github.token("octocat", **{"contents": "write", "pull-requests": "write"}))
    github.repository.actions_may_open_pulls = True
    git(tmp_path, "clone", "-q", str(github.repository.bare.path), "project")
    root = tmp_path / "project"
    (root / "deploy").mkdir()
    for path in BOTH:
        (root / path).write_text(lock(click="8.5.1", numpy="2.4.6"))
    (root / "deploy" / "requirements.lock").symlink_to("../requirements.lock")
    pushed(root, "build: locks")
    return root


def found(root: Path, **versions: str) -> Path:
    """What the first job leaves when `make lock` found these versions."""
    for path in BOTH:
        (root / path).write_text(lock(**versions))
    save_changes(root, root.parent / "saved")
    git(root, "checkout", "-q", "--", *BOTH)
    return root.parent / "saved"


def remote_file(github: GitHub, path: str) -> str:
    return f"{github.repository.bare.file(f'refs/heads/{BRANCH}', path)}\n"


def test_links_to_a_lock_are_not_locks(root: Path) -> None:
    assert sorted(lock_files(root)) == sorted(BOTH)


def test_each_changed_package_is_listed_once_with_both_versions() -> None:
    before = {
        "a": lock(click="8.5.1", gone="1.0") + "numpy==2.4.6 ; python_version < '3.12'\n",
        "b": lock(click="8.5.1"),
    }
    after = {"a": lock(click="8.6.0", new="0.1") + "numpy==2.4.6 ; python_version < '3.12'\n", "b": lock(click="8.6.0")}
    told = [str(change) for change in compare_versions(before, after)]
    assert told == ["click: 8.5.1 -> 8.6.0", "gone: 1.0 -> none", "new: none -> 0.1"]


def test_newer_versions_become_a_branch_and_a_pull_request_and_main_stays(root: Path, github: GitHub) -> None:
    main = git(root, "rev-parse", "HEAD")
    proposal = propose_changes(root, found(root, click="8.6.0", numpy="2.4.6"), None)
    (pull,) = github.repository.issues
    assert (pull.title, pull.head, pull.base) == (TITLE, BRANCH, "main")
    assert pull.body.splitlines()[0] == "- click: 8.5.1 -> 8.6.0"
    assert proposal.url.endswith(f"/pull/{pull.number}")
    assert {remote_file(github, path) for path in BOTH} == {lock(click="8.6.0", numpy="2.4.6")}
    assert github.repository.bare.commit("refs/heads/main") == main
    assert git(root, "status", "--porcelain") == ""


def test_a_later_run_updates_the_branch_and_the_text_of_the_same_pull_request(root: Path, github: GitHub) -> None:
    propose_changes(root, found(root, click="8.6.0", numpy="2.4.6"), None)
    pushed(root, "feat: meanwhile")
    propose_changes(root, found(root, click="8.6.1", numpy="2.5.0"), None)
    (pull,) = github.repository.issues
    assert pull.body.splitlines()[:2] == ["- click: 8.5.1 -> 8.6.1", "- numpy: 2.4.6 -> 2.5.0"]
    assert remote_file(github, BOTH[0]) == lock(click="8.6.1", numpy="2.5.0")
    assert github.repository.bare.count("refs/heads/main", f"refs/heads/{BRANCH}") == 1


def test_the_same_versions_again_push_nothing(root: Path, github: GitHub) -> None:
    saved = found(root, click="8.6.0", numpy="2.4.6")
    first, before = propose_changes(root, saved, None), github.repository.bare.commit(f"refs/heads/{BRANCH}")
    assert propose_changes(root, saved, None).url == first.url
    assert github.repository.bare.commit(f"refs/heads/{BRANCH}") == before


def test_the_versions_of_main_are_proposed_to_nobody(root: Path, github: GitHub) -> None:
    assert propose_changes(root, found(root, click="8.5.1", numpy="2.4.6"), None).url == ""
    assert (github.repository.issues, github.repository.bare.commit(f"refs/heads/{BRANCH}")) == ([], None)


def test_new_hashes_of_the_same_versions_are_a_change_too(root: Path, github: GitHub) -> None:
    (root / BOTH[0]).write_text(lock(click="8.5.1", numpy="2.4.6").replace("0" * 64, "1" * 64))
    save_changes(root, root.parent / "saved")
    git(root, "checkout", "-q", "--", *BOTH)
    propose_changes(root, root.parent / "saved", None)
    assert github.repository.issues[0].body.startswith("No version changed; only hashes")


def test_a_branch_with_a_person_s_commit_is_left_alone(root: Path, github: GitHub) -> None:
    propose_changes(root, found(root, click="8.6.0", numpy="2.4.6"), None)
    git(root, "fetch", "-q", "origin", BRANCH)
    git(root, "checkout", "-q", "-B", "mine", "FETCH_HEAD")
    (root / "fix.txt").write_text("needed for click 8.6")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "fix: follow click")
    git(root, "push", "-q", "origin", f"HEAD:{BRANCH}")
    git(root, "checkout", "-q", "main")
    before = github.repository.bare.commit(f"refs/heads/{BRANCH}")
    with pytest.raises(ReleaseError, match="has commits by other authors"):
        propose_changes(root, found(root, click="8.7.0", numpy="2.4.6"), None)
    assert github.repository.bare.commit(f"refs/heads/{BRANCH}") == before


def test_the_other_job_can_change_nothing_but_locks(root: Path, github: GitHub) -> None:
    saved = found(root, click="8.6.0", numpy="2.4.6")
    for files, sentence in (({"Makefile": "x"}, "names Makefile, which is not a lock"), ("x", "was not written by")):
        (saved / "locks.json").write_text(json.dumps({"files": files}))
        with pytest.raises(SettingsError, match=sentence):
            propose_changes(root, saved, None)
    with pytest.raises(NotFoundError, match="changed-locks"):
        propose_changes(root, root, None)
    assert github.repository.bare.commit(f"refs/heads/{BRANCH}") is None


def test_a_repository_that_forbids_pull_requests_says_so(
    root: Path, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    github.repository.actions_may_open_pulls = False
    token = github.token(**{"contents": "write", "pull-requests": "write"})
    monkeypatch.setenv("GH_TOKEN", token)
    with pytest.raises(GitHubError, match="not permitted to create or approve pull requests"):
        propose_changes(root, found(root, click="8.6.0", numpy="2.4.6"), None)


def test_a_detached_checkout_has_no_branch_to_propose_to(root: Path) -> None:
    saved = found(root, click="8.6.0", numpy="2.4.6")
    git(root, "checkout", "-q", "--detach")
    with pytest.raises(ReleaseError, match="not on a branch"):
        propose_changes(root, saved, None)
