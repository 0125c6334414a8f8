"""Deployments and their statuses."""

from __future__ import annotations

from typing import Any

from .call import Call, only, paged
from .messages import Answer, Fields, Refused, created, invalid, malformed, wrong
from .records import Deployment, DeploymentStatus
from .repository import Repository, now, stamp, values_of

STATES = ("error", "failure", "inactive", "in_progress", "queued", "pending", "success")


def create_deployment(call: Call) -> Answer:
    """201; 409 while a check that is required (all of them, unless told) has not passed; 202 when main is merged in."""
    fields, repository = call.fields, call.repository
    ref = fields.need("ref")
    sha = repository.bare.commit(ref)
    if sha is None:
        raise Refused(422, f"No ref found for: {ref}")
    check_contexts(repository, fields, ref)
    if fields.flag("auto_merge", True) and behind(repository, ref):
        return Answer(202, {"message": f"Auto-merged {repository.bare.default_branch()} into {ref} on deployment."})
    deployment = Deployment(repository.next_id(), sha, call.writer.actor, now(), described(fields))
    repository.deployments.append(deployment)
    repository.happened(call.writer, "deployment", "created", ref=ref, environment=deployment.given["environment"])
    return created(deployment_json(repository, deployment))


def described(fields: Fields) -> dict[str, Any]:
    """What the creator said, with GitHub's defaults."""
    payload = fields.given.get("payload", {})
    if not isinstance(payload, dict | str):
        raise malformed("properties/payload", payload, "an object")
    environment = fields.text("environment", "production")
    return {
        "ref": fields.need("ref"),
        "task": fields.text("task", "deploy"),
        "payload": payload,
        "environment": environment,
        "description": fields.given.get("description"),
        "transient_environment": fields.flag("transient_environment", False),
        "production_environment": fields.flag("production_environment", environment == "production"),
    }


def check_contexts(repository: Repository, fields: Fields, ref: str) -> None:
    """409 unless the required contexts are green; the fake's ``checks`` stand for every commit."""
    contexts = fields.texts("required_contexts") if "required_contexts" in fields else list(repository.checks)
    states = [{"context": name, "state": repository.checks.get(name, "pending")} for name in contexts]
    if any(entry["state"] != "success" for entry in states):
        error = {"contexts": states, **wrong("Deployment", "invalid", "required_contexts")}
        raise Refused(409, f"Conflict: Commit status checks failed for {ref}.", error)


def behind(repository: Repository, ref: str) -> bool:
    """Is the ref a branch that lacks commits of the default branch?"""
    bare = repository.bare
    full = bare.full_ref(ref) or ""
    return full.startswith("refs/heads/") and bare.count(full, bare.default_branch()) > 0


def list_deployments(call: Call) -> Answer:
    """Newest first, by ``sha``, ``ref``, ``task`` and ``environment``."""
    wanted = {
        key: call.request.query[key] for key in ("sha", "ref", "task", "environment") if key in call.request.query
    }
    kept = [d for d in call.repository.deployments if wanted.items() <= {"sha": d.sha, **texts(d)}.items()]
    return paged(call, [deployment_json(call.repository, deployment) for deployment in reversed(kept)])


def texts(deployment: Deployment) -> dict[str, str]:
    return {key: deployment.given[key] for key in ("ref", "task", "environment")}


def get_deployment(call: Call) -> Answer:
    return Answer(200, deployment_json(call.repository, only(call.repository.deployments, call.id)))


def create_status(call: Call) -> Answer:
    """201; a success turns the environment's earlier successes inactive, unless ``auto_inactive`` is false."""
    fields, repository = call.fields, call.repository
    deployment = only(repository.deployments, call.id)
    state = fields.need("state")
    if state not in STATES:
        entry = wrong("DeploymentStatus", "custom", "state", "state is not included in the list")
        raise invalid({"value": state, **entry})
    if state == "success" and fields.flag("auto_inactive", True):
        supersede(call, deployment)
    status = add_status(call, deployment, state, status_fields(fields, deployment))
    repository.happened(call.writer, "deployment_status", "created", state=state, deployment=deployment.id)
    return created(status_json(repository, deployment, status))


def status_fields(fields: Fields, deployment: Deployment) -> dict[str, Any]:
    log_url = fields.text("log_url") or fields.text("target_url")
    return {
        "description": fields.text("description"),
        "environment": fields.text("environment", deployment.given["environment"]),
        "environment_url": fields.text("environment_url"),
        "log_url": log_url,
        "target_url": log_url,
    }


def supersede(call: Call, deployment: Deployment) -> None:
    """Mark prior successes of the same environment inactive: neither transient nor production ones."""
    for prior in call.repository.deployments:
        lasting = not (prior.given["transient_environment"] or prior.given["production_environment"])
        same = prior.given["environment"] == deployment.given["environment"] and prior.id < deployment.id
        if lasting and same and prior.statuses and prior.statuses[-1].state == "success":
            add_status(call, prior, "inactive", {**prior.statuses[-1].given, "description": ""})


def add_status(call: Call, deployment: Deployment, state: str, given: dict[str, Any]) -> DeploymentStatus:
    deployment.statuses.append(DeploymentStatus(call.repository.next_id(), state, call.writer.actor, now(), given))
    return deployment.statuses[-1]


def list_statuses(call: Call) -> Answer:
    """Newest first."""
    deployment = only(call.repository.deployments, call.id)
    return paged(call, [status_json(call.repository, deployment, status) for status in reversed(deployment.statuses)])


def deployment_json(repository: Repository, deployment: Deployment) -> dict[str, Any]:
    url, moment = f"{repository.api}/deployments/{deployment.id}", stamp(deployment.created_at)
    return {
        "url": url,
        "id": deployment.id,
        "node_id": f"DE_{deployment.id}",
        "sha": deployment.sha,
        **deployment.given,
        "original_environment": deployment.given["environment"],
        "creator": repository.user(deployment.creator),
        "created_at": moment,
        "updated_at": stamp(deployment.statuses[-1].created_at) if deployment.statuses else moment,
        "statuses_url": f"{url}/statuses",
        "repository_url": repository.api,
        "performed_via_github_app": None,
    }


def status_json(repository: Repository, deployment: Deployment, status: DeploymentStatus) -> dict[str, Any]:
    url = f"{repository.api}/deployments/{deployment.id}"
    return {
        "url": f"{url}/statuses/{status.id}",
        **values_of(status, "id", "state", "created_at"),
        "node_id": f"DES_{status.id}",
        "creator": repository.user(status.creator),
        **status.given,
        "updated_at": stamp(status.created_at),
        "deployment_url": url,
        "repository_url": repository.api,
        "performed_via_github_app": None,
    }
