"""Workflows, their dispatch, and their runs."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import yaml

from .call import Call, only, paged
from .messages import Answer, Refused, not_found
from .records import Dispatch, Run
from .repository import Repository, now, stamp, values_of
from .workflow_file import declared_inputs, given_inputs, settled_inputs

FOLDER = ".github/workflows"


def workflow_path(call: Call) -> str:
    """The path of the workflow that the address names by file or by id; 404 unless the default branch has it."""
    bare, wanted = call.repository.bare, call.params["workflow"]
    branch = bare.default_branch()
    for path in (bare.ask("ls-tree", "--name-only", branch, f"{FOLDER}/") or "").splitlines():
        if wanted in (PurePosixPath(path).name, str(workflow_id(path))):
            return path
    raise not_found()


def workflow_id(path: str) -> int:
    """Stable for a path, and no GitHub id."""
    return 7_000_000 + sum(position * byte for position, byte in enumerate(path.encode(), 1))


def get_workflow(call: Call) -> Answer:
    path, repository = workflow_path(call), call.repository
    url, branch = f"{repository.api}/actions/workflows/{workflow_id(path)}", repository.bare.default_branch()
    moment = stamp(now())
    return Answer(
        200,
        {
            "id": workflow_id(path),
            "node_id": f"W_{workflow_id(path)}",
            "name": workflow_name(repository, branch, path),
            "path": path,
            "state": "active",
            "created_at": moment,
            "updated_at": moment,
            "url": url,
            "html_url": f"{repository.page}/blob/{branch}/{path}",
            "badge_url": f"{repository.page}/actions/workflows/{PurePosixPath(path).name}/badge.svg",
        },
    )


def workflow_name(repository: Repository, commit: str, path: str) -> str:
    return str((yaml.safe_load(repository.bare.file(commit, path) or "") or {}).get("name", path))


def create_dispatch(call: Call) -> Answer:
    """204 (200 with ``return_run_details``), and the run is in the queue; the file at the ref decides what fits."""
    repository, fields = call.repository, call.fields
    path, wanted, given = workflow_path(call), fields.need("ref"), given_inputs(call.fields)
    ref = visible_ref(repository, wanted)
    sha = repository.bare.commit(ref) or ""
    inputs = settled_inputs(declared_inputs(repository.bare.file(sha, path)), given)
    run = queued(call, path, ref, sha)
    about = (repository.full_name, repository.bare.default_branch())
    dispatch = Dispatch(path, ref, sha, given, inputs, call.writer.actor, run.id, *about)
    repository.dispatches.append(dispatch)
    repository.happened(call.writer, "workflow_dispatch", workflow=path, ref=ref, inputs=inputs)
    repository.dispatched.put(dispatch)
    if not fields.flag("return_run_details", False):
        return Answer(204)
    urls = {"run_url": f"{repository.api}/actions/runs/{run.id}", "html_url": run_page(repository, run)}
    return Answer(200, {"workflow_run_id": run.id, **urls})


def visible_ref(repository: Repository, wanted: str) -> str:
    """The full name of a branch or tag; 422 for a SHA, for what is not there, and while it is not visible yet."""
    ref = repository.bare.full_ref(wanted)
    if ref and repository.invisible[ref] > 0:
        repository.invisible[ref] -= 1
        ref = None
    if ref is None:
        raise Refused(422, f"No ref found for: {wanted}")
    return ref


def queued(call: Call, path: str, ref: str, sha: str) -> Run:
    repository = call.repository
    name = workflow_name(repository, sha, path)
    id_, count = repository.next_id(), sum(run.workflow == path for run in repository.runs) + 1
    repository.runs.append(Run(id_, count, path, name, ref, sha, call.writer.actor, now()))
    return repository.runs[-1]


def list_runs(call: Call) -> Answer:
    """Newest first, of the repository or of one workflow; filters: actor, branch, event, head_sha, status."""
    path = workflow_path(call) if "workflow" in call.params else None
    runs = [run_json(call.repository, run) for run in call.repository.runs if path in (None, run.workflow)]
    return paged(call, [run for run in reversed(runs) if fits(run, call.request.query)], "workflow_runs")


def fits(run: dict[str, Any], query: Any) -> bool:
    known = {
        "actor": [run["actor"]["login"]],
        "branch": [run["head_branch"]],
        "event": [run["event"]],
        "head_sha": [run["head_sha"]],
        "status": [run["status"], run["conclusion"]],
    }
    return all(query[name] in values for name, values in known.items() if name in query)


def get_run(call: Call) -> Answer:
    return Answer(200, run_json(call.repository, only(call.repository.runs, call.id)))


def run_page(repository: Repository, run: Run) -> str:
    return f"{repository.page}/actions/runs/{run.id}"


def run_json(repository: Repository, run: Run) -> dict[str, Any]:
    url, moment, actor = f"{repository.api}/actions/runs/{run.id}", stamp(run.created_at), repository.user(run.actor)
    return {
        **values_of(run, "id", "name", "status", "conclusion"),
        "node_id": f"WFR_{run.id}",
        "head_branch": run.ref.split("/", 2)[2],
        "head_sha": run.sha,
        "path": run.workflow,
        "display_title": run.name,
        "run_number": run.number,
        "run_attempt": 1,
        "event": "workflow_dispatch",
        "workflow_id": workflow_id(run.workflow),
        "url": url,
        "html_url": run_page(repository, run),
        "pull_requests": [],
        **dict.fromkeys(("created_at", "updated_at", "run_started_at"), moment),
        **dict.fromkeys(("actor", "triggering_actor"), actor),
        **{f"{part}_url": f"{url}/{part}" for part in ("jobs", "logs", "artifacts", "cancel", "rerun")},
        "workflow_url": f"{repository.api}/actions/workflows/{workflow_id(run.workflow)}",
    }
