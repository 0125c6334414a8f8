"""Keep one GitHub issue per model while it drifts: open it at the first alarm, update it, close it when drift ends.

The open issue is the only state; drift is computed again from the rows each time.
"""

from __future__ import annotations

import os
import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from slipway.drift.report import render_markdown
from slipway.drift.result import Drift
from slipway.github.client import PrintLine, github_errors, patch
from slipway.github.issues import find_issue
from slipway.github.workflows import dispatch

if TYPE_CHECKING:
    from github.Issue import Issue
    from github.Repository import Repository

LABEL = "drift"
WORKFLOW = "retrain.yml"
_RETRAIN_STARTED = f"`{WORKFLOW}` was started."
_MAX_NAMES = 3


def update_issue(repository: Repository, drift: Drift, mode: Literal["issue", "retrain"], progress: PrintLine) -> str:
    """Open, update or close the issue; in mode ``retrain``, also start a retrain, once per issue.

    Returns:
        The outcome in a sentence.

    Raises:
        GitHubError: GitHub refused a request, or could not be reached; running it again is safe.
    """
    title = f"{drift.model} has drifted"
    with github_errors(f"the drift of {drift.model} could not be reported"):
        issue = find_issue(repository, LABEL, title, state="open")
        if not drift.drifted:
            return _close_issue(issue, drift)
        started = issue is not None and _RETRAIN_STARTED in (issue.body or "")
        if issue is None:
            issue = repository.create_issue(title, _body(drift, started=False), labels=[LABEL])
        if mode == "retrain" and not started:
            dispatch(repository, WORKFLOW, repository.default_branch, _inputs(drift), progress)
            started = True
        patch(issue, body=_body(drift, started=started))
    return f"{drift.model} has drifted: {issue.html_url}"


def _close_issue(issue: Issue | None, drift: Drift) -> str:
    if issue is None:
        return f"{drift.model}: no drift"
    issue.create_comment(f"The drift has ended.\n\n{render_markdown(drift)}")
    patch(issue, state="closed", state_reason="completed")
    return f"{drift.model}: the drift has ended; closed {issue.html_url}"


def _body(drift: Drift, *, started: bool) -> str:
    inputs = _inputs(drift)
    command = f"slipway retrain --through {inputs['through']} --reason {shlex.quote(inputs['reason'])} --commit"
    fields = " ".join(f"-f {name}={shlex.quote(value)}" for name, value in inputs.items())
    parts = [
        render_markdown(drift),
        f"The report with charts is an artifact of {_run_url()}." if _run_url() else "",
        f"To retrain, on GitHub or in a clone:\n\n```console\n$ gh workflow run {WORKFLOW} {fields}\n$ {command}\n```",
        _RETRAIN_STARTED if started else "",
        "This issue is updated automatically, and closed when the drift has ended.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _inputs(drift: Drift) -> dict[str, str]:
    """The inputs of retrain.yml."""
    through = drift.until or datetime.now(UTC).date().isoformat()
    return {"through": through, "reason": f"drift of {_describe_drift(drift)}", "dry-run": "false"}


def _describe_drift(drift: Drift) -> str:
    moved = drift.newest_window.drifted_columns
    more = f" and {len(moved) - _MAX_NAMES} more" if len(moved) > _MAX_NAMES else ""
    return ", ".join(moved[:_MAX_NAMES]) + more if moved else "the live metric"


def _run_url() -> str:
    server, repository, run = (os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else ""
