"""One issue for a model while it drifts: opened at the first alarm, kept up to date, closed when the drift has ended.

The open issue is all the state there is: whether there is drift is worked out anew from the rows each time.
"""

from __future__ import annotations

import os
import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from slipway.drift.report import markdown
from slipway.drift.result import Drift
from slipway.github.client import Say, patch, told_plainly
from slipway.github.issues import find
from slipway.github.workflows import dispatch

if TYPE_CHECKING:
    from github.Issue import Issue
    from github.Repository import Repository

LABEL = "drift"
WORKFLOW = "retrain.yml"
_STARTED = f"`{WORKFLOW}` was started."
_NAMED = 3


def report(repository: Repository, drift: Drift, mode: Literal["issue", "retrain"], say: Say) -> str:
    """Make the issue say what was found, and with ``retrain`` start a retrain, once for each issue.

    Returns:
        What became of it, in a sentence.

    Raises:
        GitHubError: GitHub refused it, or could not be reached; doing it again is safe.
    """
    title = f"{drift.model} has drifted"
    with told_plainly(f"the drift of {drift.model} could not be reported"):
        issue = find(repository, LABEL, title, state="open")
        if not drift.drifted:
            return _recovered(issue, drift)
        started = issue is not None and _STARTED in (issue.body or "")
        if issue is None:
            issue = repository.create_issue(title, _body(drift, started=False), labels=[LABEL])
        if mode == "retrain" and not started:
            dispatch(repository, WORKFLOW, repository.default_branch, _inputs(drift), say)
            started = True
        patch(issue, body=_body(drift, started=started))
    return f"{drift.model} drifts: {issue.html_url}"


def _recovered(issue: Issue | None, drift: Drift) -> str:
    if issue is None:
        return f"{drift.model} does not drift"
    issue.create_comment(f"The drift has ended.\n\n{markdown(drift)}")
    patch(issue, state="closed", state_reason="completed")
    return f"{drift.model} drifts no more; closed {issue.html_url}"


def _body(drift: Drift, *, started: bool) -> str:
    inputs = _inputs(drift)
    command = f"slipway retrain --through {inputs['through']} --reason {shlex.quote(inputs['reason'])} --commit"
    there = " ".join(f"-f {name}={shlex.quote(value)}" for name, value in inputs.items())
    parts = [
        markdown(drift),
        f"The report with pictures is an artifact of {_run()}." if _run() else "",
        f"To retrain, on GitHub or in a clone:\n\n```console\n$ gh workflow run {WORKFLOW} {there}\n$ {command}\n```",
        _STARTED if started else "",
        "This issue is kept up to date, and closes itself when the drift has ended.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _inputs(drift: Drift) -> dict[str, str]:
    """What retrain.yml is given."""
    through = drift.until or datetime.now(UTC).date().isoformat()
    return {"through": through, "reason": f"drift of {_moved(drift)}", "dry-run": "false"}


def _moved(drift: Drift) -> str:
    moved = drift.newest.moved
    more = f" and {len(moved) - _NAMED} more" if len(moved) > _NAMED else ""
    return ", ".join(moved[:_NAMED]) + more if moved else "the live metric"


def _run() -> str:
    server, repository, run = (os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else ""
