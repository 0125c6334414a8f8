"""Deployments: the record of what was put where, and by whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_github.clients import Client
from fake_github.fake import GitHub
from fake_github.origin import git


@pytest.fixture
def deployer(github: GitHub) -> Client:
    """GITHUB_TOKEN with ``deployments: write``."""
    return Client(github, github.token(deployments="write"))


def deploy(client: Client, ref: str = "v1.0.0", environment: str = "champion", **fields: Any) -> Any:
    reply = client.post("deployments", ref=ref, environment=environment, **fields)
    assert reply.status == 201, reply.body
    assert reply.headers["Location"] == reply.json["url"]
    return reply.json


def set_state(client: Client, deployment: Any, state: str, **fields: Any) -> int:
    return client.post(f"deployments/{deployment['id']}/statuses", state=state, **fields).status


def states(client: Client, deployment: Any) -> list[str]:
    return [status["state"] for status in client.get(f"deployments/{deployment['id']}/statuses").json]


def test_a_deployment_keeps_what_was_said_and_names_the_commit(deployer: Client, bare: Path) -> None:
    payload = {"from": "1.0.0", "to": "1.1.0", "reason": "why"}
    deployment = deploy(deployer, payload=payload, description="roll out", task="rollout")
    assert deployment["sha"] == git(bare, "rev-parse", "v1.0.0^{commit}")
    assert (deployment["ref"], deployment["task"]) == ("v1.0.0", "rollout")
    assert (deployment["payload"], deployment["description"]) == (payload, "roll out")
    assert deployer.get(f"deployments/{deployment['id']}").json == deployment


def test_defaults_are_githubs(deployer: Client) -> None:
    deployment = deployer.post("deployments", ref="main").json
    assert (deployment["environment"], deployment["task"], deployment["payload"]) == ("production", "deploy", {})
    assert (deployment["production_environment"], deployment["transient_environment"]) == (True, False)
    assert deploy(deployer)["production_environment"] is False


def test_a_ref_that_is_not_there_is_422(deployer: Client) -> None:
    refused = deployer.post("deployments", ref="v9")
    assert (refused.status, refused.message) == (422, "No ref found for: v9")
    assert deployer.post("deployments").status == 422


def test_deployments_are_listed_newest_first_and_by_filters(deployer: Client) -> None:
    made = [
        deploy(deployer, ref, name)
        for ref, name in (("v1.0.0", "champion"), ("v2.0.0", "champion"), ("v2.0.0", "other"))
    ]
    ids = [deployment["id"] for deployment in made]

    def found(query: str) -> list[int]:
        return [deployment["id"] for deployment in deployer.get(f"deployments?{query}").json]

    assert found("") == ids[::-1]
    assert found("environment=champion") == [ids[1], ids[0]]
    assert found("environment=champion&ref=v2.0.0") == [ids[1]]
    assert found(f"sha={made[0]['sha']}") == [ids[0]]
    assert found("task=none") == []
    assert found("per_page=1&page=2") == [ids[1]]


def test_a_ref_that_needs_checks_to_pass_is_409_unless_none_are_required(deployer: Client, github: GitHub) -> None:
    github.repository.checks["deploy / Make it champion"] = "pending"
    refused = deployer.post("deployments", ref="v1.0.0")
    assert (refused.status, refused.message) == (409, "Conflict: Commit status checks failed for v1.0.0.")
    assert refused.json["errors"][0]["field"] == "required_contexts"
    assert deployer.get("deployments").json == []
    deploy(deployer, required_contexts=[])


def test_a_branch_behind_main_is_merged_instead_of_deployed(deployer: Client, bare: Path) -> None:
    git(bare, "branch", "old", "v1.0.0")
    reply = deployer.post("deployments", ref="old")
    assert (reply.status, reply.json) == (202, {"message": "Auto-merged main into old on deployment."})
    assert deployer.get("deployments").json == []
    deploy(deployer, "old", auto_merge=False)


def test_statuses_are_listed_newest_first(deployer: Client) -> None:
    deployment = deploy(deployer)
    assert set_state(deployer, deployment, "in_progress") == 201
    assert set_state(deployer, deployment, "success", description="done", log_url="http://log") == 201
    newest, first = deployer.get(deployment["statuses_url"]).json
    assert (newest["state"], newest["description"], newest["log_url"]) == ("success", "done", "http://log")
    assert (first["state"], first["environment"], first["target_url"]) == ("in_progress", "champion", "")


def test_a_state_that_does_not_exist_is_422(deployer: Client) -> None:
    refused = deployer.post(f"deployments/{deploy(deployer)['id']}/statuses", state="great")
    assert (refused.status, refused.json["errors"][0]["message"]) == (422, "state is not included in the list")
    assert set_state(deployer, {"id": 1}, "success") == 404


def test_a_success_makes_earlier_successes_of_its_environment_inactive(deployer: Client) -> None:
    first, failed, elsewhere = deploy(deployer), deploy(deployer), deploy(deployer, environment="other")
    for deployment, state in ((first, "success"), (failed, "failure"), (elsewhere, "success")):
        set_state(deployer, deployment, state)
    newest = deploy(deployer, "v2.0.0")
    set_state(deployer, newest, "success")
    assert states(deployer, first) == ["inactive", "success"]
    assert (states(deployer, failed), states(deployer, elsewhere)) == (["failure"], ["success"])
    assert states(deployer, newest) == ["success"]


def test_a_success_of_an_older_deployment_leaves_a_newer_one_active(deployer: Client) -> None:
    older, newer = deploy(deployer), deploy(deployer)
    set_state(deployer, newer, "success")
    set_state(deployer, older, "success")
    assert states(deployer, newer) == ["success"]


@pytest.mark.parametrize("kept", [{"production_environment": True}, {"transient_environment": True}])
def test_production_and_transient_deployments_stay_active(deployer: Client, kept: dict[str, bool]) -> None:
    first = deploy(deployer, **kept)
    set_state(deployer, first, "success")
    set_state(deployer, deploy(deployer), "success")
    assert states(deployer, first) == ["success"]


def test_auto_inactive_can_be_declined(deployer: Client) -> None:
    first = deploy(deployer)
    set_state(deployer, first, "success")
    set_state(deployer, deploy(deployer), "success", auto_inactive=False)
    assert states(deployer, first) == ["success"]


def test_a_deployment_by_github_token_starts_no_workflow(deployer: Client, github: GitHub) -> None:
    set_state(deployer, deploy(deployer), "success")
    assert [(event.name, event.starts_workflows) for event in github.events] == [
        ("deployment", False),
        ("deployment_status", False),
    ]
