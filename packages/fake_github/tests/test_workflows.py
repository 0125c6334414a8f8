"""Dispatches are checked against the workflow file at their ref, and can be run."""

from __future__ import annotations

import queue
from pathlib import Path

import pytest
from fake_github.clients import Client, Reply
from fake_github.fake import BOT, GitHub
from fake_github.origin import git

DISPATCH = "actions/workflows/deploy.yml/dispatches"


@pytest.fixture
def actor(github: GitHub) -> Client:
    """GITHUB_TOKEN with ``actions: write``."""
    return Client(github, github.token(actions="write"))


def dispatch(client: Client, ref: str = "v1.0.0", file: str = "deploy.yml", **inputs: object) -> Reply:
    return client.post(f"actions/workflows/{file}/dispatches", ref=ref, inputs=inputs)


def test_an_accepted_dispatch_is_204_and_waits_to_be_run(actor: Client, github: GitHub, bare: Path) -> None:
    assert dispatch(actor, "refs/tags/v1.0.0", **{"reason": "why", "dry-run": "false"}).status == 204
    given = github.next_dispatch(timeout=0)
    sha = git(bare, "rev-parse", "v1.0.0^{commit}")
    assert (given.workflow, given.ref, given.sha) == (".github/workflows/deploy.yml", "refs/tags/v1.0.0", sha)
    assert given.given == {"reason": "why", "dry-run": "false"}
    assert given.inputs == {"dry-run": "false", "via": "push", "reason": "why", "days": ""}
    assert given.event["inputs"] == given.inputs and given.event["repository"]["full_name"] == "octo/flights"
    with pytest.raises(queue.Empty):
        github.next_dispatch(timeout=0)


def test_a_short_name_finds_a_branch_or_a_tag(actor: Client, github: GitHub) -> None:
    assert dispatch(actor, "main", reason="x").status == 204
    assert dispatch(actor, "v1.0.0", reason="x").status == 204
    assert [given.ref for given in github.dispatches] == ["refs/heads/main", "refs/tags/v1.0.0"]


def test_a_workflow_without_inputs_needs_none(actor: Client) -> None:
    assert actor.post("actions/workflows/release.yml/dispatches", ref="main").status == 204


REFUSALS = [
    ("v9", {"reason": "x"}, "No ref found for: v9"),
    ("v1.0.0", {"reason": "x", "other": "y", "more": "z"}, 'Unexpected inputs provided: ["other", "more"]'),
    ("v1.0.0", {}, "Required input 'reason' not provided"),
    (
        "v1.0.0",
        {"reason": "x", "via": "mail"},
        "Provided value 'mail' for input 'via' not in the list of allowed values",
    ),
    (
        "v1.0.0",
        {"reason": "x", "dry-run": "no"},
        "Provided value 'no' for input 'dry-run' not in the list of allowed values",
    ),
    (
        "v1.0.0",
        {"reason": "x", "days": "two"},
        "Provided value 'two' for input 'days' not in the list of allowed values",
    ),
    (
        "v1.0.0",
        {"reason": "x", "dry-run": False},
        "Invalid request.\n\nFor 'additionalProperties', false is not a string.",
    ),
    ("v1.0.0", {"reason": None}, "Invalid request.\n\nFor 'additionalProperties', nil is not a string."),
]


@pytest.mark.parametrize(("ref", "inputs", "message"), REFUSALS, ids=lambda value: str(value)[:40])
def test_what_does_not_fit_is_422_and_starts_nothing(
    actor: Client, github: GitHub, ref: str, inputs: dict[str, object], message: str
) -> None:
    refused = dispatch(actor, ref, **inputs)
    assert (refused.status, refused.message) == (422, message)
    assert github.dispatches == [] and actor.get("actions/runs").json["total_count"] == 0


def test_a_sha_is_no_ref_to_dispatch_at(actor: Client, bare: Path) -> None:
    sha = git(bare, "rev-parse", "main")
    assert dispatch(actor, sha, reason="x").message == f"No ref found for: {sha}"


def test_more_than_25_inputs_are_422(actor: Client) -> None:
    assert dispatch(actor, **{f"i{number}": "x" for number in range(25)}).message.startswith("Unexpected inputs")
    assert dispatch(actor, **{f"i{number}": "x" for number in range(26)}).message.startswith("Invalid request.")


def test_a_workflow_that_is_not_there_is_404(actor: Client) -> None:
    assert dispatch(actor, file="none.yml", reason="x").status == 404
    assert actor.get("actions/workflows/none.yml").status == 404


def test_a_workflow_without_the_trigger_is_422(actor: Client) -> None:
    refused = actor.post("actions/workflows/ci.yml/dispatches", ref="main")
    assert (refused.status, refused.message) == (422, "Workflow does not have 'workflow_dispatch' trigger")


def test_the_file_at_the_ref_decides_and_not_the_one_on_main(actor: Client, bare: Path) -> None:
    rootless = git(bare, "commit-tree", git(bare, "hash-object", "-w", "-t", "tree", "/dev/null"), "-m", "empty")
    git(bare, "tag", "v0.0.1", rootless)
    assert dispatch(actor, "v0.0.1", reason="x").message == "Workflow does not have 'workflow_dispatch' trigger"


def test_a_workflow_that_is_no_yaml_has_no_trigger(actor: Client, bare: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    git(bare, "clone", "-q", str(bare), str(work))
    (work / ".github" / "workflows" / "deploy.yml").write_text("on: [workflow_dispatch\n")
    git(work, "commit", "-aqm", "fix: broken")
    git(work, "push", "-q", "origin", "HEAD:broken")
    assert dispatch(actor, "broken", reason="x").status == 422


def test_a_tag_just_pushed_may_not_be_visible_yet(actor: Client, github: GitHub) -> None:
    github.hide("refs/tags/v1.0.0", dispatches=2)
    assert [dispatch(actor, reason="x").status for _ in range(3)] == [422, 422, 204]
    assert dispatch(actor, "v2.0.0", reason="x").status == 204


def test_a_dispatch_starts_workflows_though_github_token_made_it(actor: Client, github: GitHub) -> None:
    dispatch(actor, reason="x")
    event = github.events[-1]
    assert (event.name, event.actor, event.starts_workflows) == ("workflow_dispatch", BOT, True)


def test_each_dispatch_is_a_run_newest_first(actor: Client, github: GitHub) -> None:
    for ref in ("v1.0.0", "main"):
        dispatch(actor, ref, reason="x")
    actor.post("actions/workflows/release.yml/dispatches", ref="main")
    runs = actor.get("actions/workflows/deploy.yml/runs").json
    assert runs["total_count"] == 2
    assert [run["head_branch"] for run in runs["workflow_runs"]] == ["main", "v1.0.0"]
    assert actor.get("actions/runs").json["total_count"] == 3
    assert actor.get("actions/runs?branch=v1.0.0").json["total_count"] == 1


def test_a_run_is_as_the_test_says(actor: Client, github: GitHub) -> None:
    dispatch(actor, reason="x")
    assert actor.get("actions/runs?status=queued").json["total_count"] == 1
    github.repository.runs[0].status, github.repository.runs[0].conclusion = "completed", "failure"
    run = actor.get(f"actions/runs/{github.dispatches[0].run_id}").json
    assert (run["status"], run["conclusion"]) == ("completed", "failure")


def test_run_details_are_given_when_asked_for(actor: Client, github: GitHub) -> None:
    reply = actor.post(DISPATCH, ref="main", inputs={"reason": "x"}, return_run_details=True)
    assert reply.status == 200
    assert reply.json["workflow_run_id"] == github.dispatches[0].run_id
    assert actor.get(reply.json["run_url"]).status == 200


def test_a_workflow_is_found_by_file_and_by_id(actor: Client) -> None:
    workflow = actor.get("actions/workflows/deploy.yml").json
    assert workflow["name"] == "deploy"
    assert actor.get(f"actions/workflows/{workflow['id']}").json["path"] == workflow["path"]
