"""Issues, labels, and pull requests as far as opening and finding them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_github.clients import Client, Make
from fake_github.fake import BOT, GitHub
from fake_github.origin import git


@pytest.fixture
def reporter(github: GitHub) -> Client:
    """GITHUB_TOKEN with ``issues: write``."""
    return Client(github, github.token(issues="write"))


def titles(client: Client, query: str = "") -> list[str]:
    return [issue["title"] for issue in client.get(f"issues?{query}").json]


def test_an_issue_is_created_with_labels_that_are_made_for_it(reporter: Client) -> None:
    reply = reporter.post("issues", title="drift", body="text", labels=["drift", "model"])
    assert reply.status == 201
    assert (reply.json["number"], reply.json["state"], reply.json["user"]["login"]) == (1, "open", BOT)
    assert [label["name"] for label in reply.json["labels"]] == ["drift", "model"]
    assert reporter.get("labels/drift").status == 200
    assert reporter.get(reply.headers["Location"]).json == reply.json


def test_a_title_is_needed(reporter: Client) -> None:
    assert reporter.post("issues", body="x").status == 422
    assert reporter.post("issues", title=" ").json["errors"][0]["code"] == "missing_field"


def test_issues_are_listed_newest_first_open_ones_only_and_by_labels_and_creator(
    reporter: Client, github: GitHub
) -> None:
    for title, labels in (("a", ["drift"]), ("b", ["drift", "model"]), ("c", [])):
        reporter.post("issues", title=title, labels=labels)
    Client(github, github.token("octocat", kind="personal", issues="write")).post("issues", title="d")
    reporter.patch("issues/1", state="closed")
    assert titles(reporter) == ["d", "c", "b"]
    assert titles(reporter, "state=closed") == ["a"]
    assert titles(reporter, "state=all&labels=drift") == ["b", "a"]
    assert titles(reporter, "state=all&labels=drift,model") == ["b"]
    assert titles(reporter, "creator=octocat") == ["d"]
    assert titles(reporter, "direction=asc&per_page=1") == ["b"]


def test_an_edit_changes_what_it_gives_and_closes_and_reopens(reporter: Client) -> None:
    issue = reporter.post("issues", title="drift", body="text", labels=["drift"]).json
    closed = reporter.patch("issues/1", state="closed", state_reason="not_planned").json
    assert (closed["title"], closed["body"], closed["state_reason"]) == ("drift", "text", "not_planned")
    assert closed["closed_at"] is not None and closed["labels"] == issue["labels"]
    assert reporter.patch("issues/1", state="open", title="again").json["closed_at"] is None
    assert reporter.patch("issues/1", labels=[]).json["labels"] == []
    assert reporter.patch("issues/1", state="gone").status == 422
    assert reporter.patch("issues/9", title="x").status == 404


def test_comments_are_listed_oldest_first_and_counted(reporter: Client) -> None:
    reporter.post("issues", title="drift")
    for text in ("one", "two"):
        assert reporter.post("issues/1/comments", body=text).status == 201
    assert [comment["body"] for comment in reporter.get("issues/1/comments").json] == ["one", "two"]
    assert reporter.get("issues/1").json["comments"] == 2
    assert reporter.post("issues/1/comments", body="").status == 422


def test_labels_are_made_once_and_added_to_an_issue(reporter: Client) -> None:
    assert reporter.post("labels", name="drift", color="ff0000").json["color"] == "ff0000"
    assert reporter.post("labels", name="drift").json["errors"][0]["code"] == "already_exists"
    reporter.post("issues", title="x", labels=["model"])
    assert [label["name"] for label in reporter.post("issues/1/labels", labels=["drift", "model"]).json] == [
        "model",
        "drift",
    ]
    assert [label["name"] for label in reporter.get("labels").json] == ["drift", "model"]
    assert reporter.get("labels/none").status == 404


@pytest.fixture
def proposer(make: Make) -> Client:
    """GITHUB_TOKEN that may open pull requests, in a repository that lets it."""
    github = make(actions_may_open_pulls=True)
    return Client(github, github.token(pull_requests="write", issues="read"))


def propose(client: Client, head: str = "topic", **fields: Any) -> Any:
    return client.post("pulls", title="data", head=head, base="main", **fields)


def test_github_token_may_open_no_pull_request_unless_the_repository_says_so(github: GitHub) -> None:
    refused = propose(Client(github, github.token(pull_requests="write")))
    assert refused.status == 403
    assert refused.message == "GitHub Actions is not permitted to create or approve pull requests."
    person = Client(github, github.token("octocat", kind="personal", pull_requests="write"))
    assert propose(person).status == 201


def test_a_pull_request_is_found_by_its_head_and_is_an_issue_too(proposer: Client, bare: Path) -> None:
    pull = propose(proposer, body="text").json
    assert (pull["number"], pull["head"]["sha"]) == (1, git(bare, "rev-parse", "topic"))
    assert [p["number"] for p in proposer.get("pulls?head=octo:topic&base=main").json] == [1]
    assert proposer.get("pulls?head=octo:other").json == [] and proposer.get("pulls?state=closed").json == []
    assert "pull_request" in proposer.get("issues").json[0]
    assert proposer.get("pulls/1").json == pull


def test_a_pull_request_takes_another_title_and_body_and_keeps_what_is_not_given(proposer: Client) -> None:
    propose(proposer, body="text")
    assert proposer.patch("pulls/1", body="newer").json == proposer.get("pulls/1").json
    pull = proposer.get("pulls/1").json
    assert (pull["title"], pull["body"]) == ("data", "newer")
    assert proposer.patch("pulls/2", body="newer").status == 404


def test_a_second_pull_request_of_a_branch_is_422(proposer: Client) -> None:
    propose(proposer)
    assert propose(proposer).json["errors"][0]["message"] == "A pull request already exists for octo:topic."


def test_a_pull_request_of_nothing_is_422(proposer: Client, bare: Path) -> None:
    git(bare, "branch", "same", "main")
    assert propose(proposer, "same").json["errors"][0]["message"] == "No commits between main and same"
    assert propose(proposer, "none").json["errors"] == [{"resource": "PullRequest", "code": "invalid", "field": "head"}]


def test_a_pull_request_by_github_token_starts_no_workflow(proposer: Client) -> None:
    propose(proposer)
    assert [(event.name, event.starts_workflows) for event in proposer.github.events] == [("pull_request", False)]
