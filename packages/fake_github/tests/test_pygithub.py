"""PyGithub, the client that Slipway uses, against the fake: it parses every answer, and its traps bite."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from fake_github.clients import Client, pygithub
from fake_github.fake import GitHub
from github import BadCredentialsException, GithubException, UnknownObjectException
from github.Repository import Repository

CONTENT = b"0123456789" * 1000


@pytest.fixture
def repository(github: GitHub) -> Repository:
    """The repository for a token that may do everything GITHUB_TOKEN can be granted here."""
    areas = ("actions", "contents", "deployments", "issues", "pull_requests")
    return pygithub(github, github.token(**dict.fromkeys(areas, "write")))


def test_the_repository_says_what_it_is(repository: Repository, github: GitHub) -> None:
    assert (repository.full_name, repository.private, repository.default_branch) == ("octo/flights", False, "main")
    assert github.unknown == []


def test_a_release_is_made_filled_published_and_downloaded(
    repository: Repository, tmp_path: Path, github: GitHub
) -> None:
    draft = repository.create_git_release("v1.0.0", "One", "notes", draft=True, prerelease=True, make_latest="false")
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(CONTENT)
    assert draft.upload_asset(str(bundle)).state == "uploaded"
    draft.upload_asset_from_memory(io.BytesIO(CONTENT), len(CONTENT), "memory.zip")
    draft.update_release("One", "notes", draft=False, prerelease=True, make_latest="false")
    release = repository.get_release("v1.0.0")
    assert (release.draft, release.prerelease, release.published_at is not None) == (False, True, True)
    assert {asset.name: asset.size for asset in release.get_assets()} == {"bundle.zip": 10000, "memory.zip": 10000}
    release.assets[0].download_asset(str(tmp_path / "back.zip"), chunk_size=4096)
    assert (tmp_path / "back.zip").read_bytes() == CONTENT
    assert github.unknown == []


def test_update_release_publishes_a_draft_and_unmarks_a_pre_release_unless_told(repository: Repository) -> None:
    draft = repository.create_git_release("v1.0.0", "One", "", draft=True)
    refused = repository.create_git_release("v1.1.0", "Refused", "", prerelease=True, make_latest="false")
    assert draft.update_release("One", "new notes").draft is False
    assert refused.update_release("Refused", "new notes").prerelease is False
    assert repository.get_latest_release().tag_name == "v1.0.0"


def test_create_git_release_asks_for_latest_and_so_cannot_publish_a_pre_release_unless_told(
    repository: Repository,
) -> None:
    with pytest.raises(GithubException) as caught:
        repository.create_git_release("v1.0.0", "One", "", prerelease=True)
    assert caught.value.status == 422
    assert repository.create_git_release("v1.0.0", "One", "", draft=True).draft is True


def test_there_is_no_latest_release_at_first(repository: Repository) -> None:
    with pytest.raises(UnknownObjectException):
        repository.get_latest_release()


def test_a_wrong_token_is_bad_credentials(github: GitHub) -> None:
    with pytest.raises(BadCredentialsException):
        pygithub(github, "ghs_wrong")


def test_a_forbidden_write_is_403(github: GitHub) -> None:
    with pytest.raises(GithubException) as caught:
        pygithub(github, github.token(contents="read")).create_git_release("v1.0.0", "One", "")
    assert (caught.value.status, caught.value.message) == (403, "Resource not accessible by integration")


def test_a_workflow_is_dispatched(repository: Repository, github: GitHub) -> None:
    workflow = repository.get_workflow("deploy.yml")
    assert workflow.create_dispatch("v1.0.0", {"reason": "x", "dry-run": "false"}, throw=True) is True
    assert github.next_dispatch(timeout=0).inputs["dry-run"] == "false"
    assert workflow.create_dispatch("v9", {"reason": "x"}) is False
    with pytest.raises(GithubException) as caught:
        workflow.create_dispatch("v9", {"reason": "x"}, throw=True)
    assert caught.value.message == "No ref found for: v9"
    assert [run.head_branch for run in workflow.get_runs()] == ["v1.0.0"]


def test_a_deployment_is_recorded_with_its_payload_and_states(repository: Repository) -> None:
    made = repository.create_deployment("v1.0.0", environment="champion", payload={"to": "1.0.0"}, required_contexts=[])
    made.create_status("success", description="done")
    (found,) = repository.get_deployments(environment="champion")
    assert (found.payload, found.creator.login) == ({"to": "1.0.0"}, "github-actions[bot]")
    assert [status.state for status in found.get_statuses()] == ["success"]


def test_an_issue_is_opened_commented_and_closed(repository: Repository) -> None:
    issue = repository.create_issue("drift", "text", labels=["drift"])
    issue.create_comment("again")
    issue.edit(state="closed")
    assert [(i.title, i.comments) for i in repository.get_issues(state="all", labels=["drift"])] == [("drift", 1)]
    assert list(repository.get_issues(labels=["drift"])) == []


def test_refs_tags_and_comparisons_are_read(repository: Repository) -> None:
    ref = repository.get_git_ref("tags/v1.0.0")
    assert ref.object.type == "tag"
    assert repository.get_git_tag(ref.object.sha).object.sha == repository.get_commit("v1.0.0").sha
    assert repository.compare("v1.0.0", "main").behind_by == 0
    assert repository.create_git_ref("refs/tags/v9", repository.get_commit("main").sha).ref == "refs/tags/v9"


def test_drafts_are_hidden_from_a_reader(github: GitHub, writer: Client) -> None:
    writer.release("v1.0.0", draft=True)
    assert list(pygithub(github, github.token(contents="read")).get_releases()) == []
