"""401, 403 and 404, each where GitHub gives it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_github.clients import Client, Make
from fake_github.fake import GitHub
from fake_github.origin import git

WRITES = [
    ("POST", "releases", "contents"),
    ("PATCH", "releases/1", "contents"),
    ("DELETE", "releases/1", "contents"),
    ("POST", "releases/1/assets", "contents"),
    ("DELETE", "releases/assets/1", "contents"),
    ("POST", "git/refs", "contents"),
    ("POST", "actions/workflows/deploy.yml/dispatches", "actions"),
    ("POST", "deployments", "deployments"),
    ("POST", "deployments/1/statuses", "deployments"),
    ("POST", "issues", "issues"),
    ("PATCH", "issues/1", "issues"),
    ("POST", "issues/1/comments", "issues"),
    ("POST", "labels", "issues"),
    ("POST", "pulls", "pull_requests"),
]
READS = [
    ("releases", "contents"),
    ("releases/latest", "contents"),
    ("git/ref/heads/main", "contents"),
    ("commits/main", "contents"),
    ("actions/runs", "actions"),
    ("deployments", "deployments"),
    ("issues", "issues"),
    ("pulls", "pull_requests"),
]


@pytest.mark.parametrize(("method", "path", "area"), WRITES)
def test_writing_needs_its_own_permission(make: Make, method: str, path: str, area: str) -> None:
    github = make(actions_may_open_pulls=True)
    others = {"contents", "actions", "deployments", "issues", "pull_requests"} - {area}
    lacking = Client(github, github.token(**dict.fromkeys(others, "write"), **{area: "read"}))
    refused = lacking.ask(method, path, {})
    assert (refused.status, refused.message) == (403, "Resource not accessible by integration")
    assert Client(github, github.token(**{area: "write"})).ask(method, path, {}).status not in (401, 403)
    assert Client(github).ask(method, path, {}).status == 401


@pytest.mark.parametrize(("path", "area"), READS)
def test_reading_needs_a_permission_in_private_repositories_only(make: Make, path: str, area: str) -> None:
    public, private = make(), make(private=True)
    assert Client(public).get(path).status in (200, 404)
    assert Client(public, public.token()).get(path).status in (200, 404)
    assert Client(private).get(path).status == 404
    assert Client(private, private.token()).get(path).status == 403
    assert Client(private, private.token(**{area: "read"})).get(path).status in (200, 404)


def test_a_private_repository_is_not_found_without_access(make: Make) -> None:
    github = make(private=True)
    assert Client(github).get("").status == 404
    assert Client(github, github.token(access=False, contents="write")).get("").status == 404
    assert Client(github, github.token()).get("").json["private"] is True


def test_another_repository_is_not_found_and_not_an_unknown_route(github: GitHub, writer: Client) -> None:
    assert writer.get("/repos/octo/other/releases").status == 404
    assert github.unknown == []


def test_owner_and_name_may_be_written_in_any_case(writer: Client) -> None:
    assert writer.get("/repos/Octo/FLIGHTS").json["full_name"] == "octo/flights"


def test_a_wrong_token_is_401_even_for_what_is_public(github: GitHub) -> None:
    refused = Client(github, "ghs_wrong").get("releases")
    assert (refused.status, refused.message) == (401, "Bad credentials")


def test_both_schemes_of_authorization_are_taken(github: GitHub) -> None:
    token = github.token(contents="write")
    for scheme in ("token", "Bearer"):
        assert (
            Client(github)
            .ask("POST", "releases", {"tag_name": "x", "draft": True}, authorization=f"{scheme} {token}")
            .status
            == 201
        )


def test_a_personal_token_is_refused_in_its_own_words(github: GitHub) -> None:
    refused = Client(github, github.token("octocat", kind="personal")).post("issues", title="x")
    assert (refused.status, refused.message) == (403, "Resource not accessible by personal access token")


def test_a_refusal_names_the_permission_that_is_wanted(reader: Client) -> None:
    assert reader.post("releases", tag_name="v1").headers["X-Accepted-GitHub-Permissions"] == "contents=write"


def test_github_token_cannot_be_granted_workflows(github: GitHub) -> None:
    with pytest.raises(ValueError, match="workflows"):
        github.token(workflows="write")
    with pytest.raises(ValueError, match="no such permission"):
        github.token(content="write")


def test_a_target_that_changes_workflows_is_refused(github: GitHub, writer: Client) -> None:
    refused = writer.post("releases", tag_name="v9", target_commitish="flows")
    assert (refused.status, refused.message) == (403, "Resource not accessible by integration")
    person = Client(github, github.token("octocat", kind="personal", contents="write"))
    assert person.post("releases", tag_name="v9", target_commitish="flows").status == 404
    app = Client(github, github.token("robot[bot]", kind="app", contents="write", workflows="write"))
    assert app.post("releases", tag_name="v9", target_commitish="flows").status == 201


def test_a_target_is_refused_though_its_tag_exists_and_not_sending_it_is_not(writer: Client, bare: Path) -> None:
    git(bare, "tag", "v9", "flows")
    assert writer.post("releases", tag_name="v9", target_commitish="flows").status == 403
    assert writer.post("releases", tag_name="v9").status == 201


def test_an_existing_target_that_changes_workflows_bites_a_later_edit(github: GitHub, writer: Client) -> None:
    app = Client(github, github.token("robot[bot]", kind="app", contents="write", workflows="write"))
    release = app.release("v9", target_commitish="flows")
    assert writer.patch(f"releases/{release['id']}", name="x").status == 403


def test_a_target_that_changes_no_workflow_or_only_lacks_one_is_taken(writer: Client, bare: Path) -> None:
    empty = git(bare, "commit-tree", git(bare, "hash-object", "-w", "-t", "tree", "/dev/null"), "-m", "empty")
    assert writer.release("v8", target_commitish=empty)["target_commitish"] == empty
    assert writer.release("v9", target_commitish="topic")["target_commitish"] == "topic"
