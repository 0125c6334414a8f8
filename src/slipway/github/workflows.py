"""Start workflows, and write outputs for later jobs and a job summary for people."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.errors import SettingsError
from slipway.github.client import PrintLine, github_errors

if TYPE_CHECKING:
    from github.Repository import Repository

_ATTEMPTS = 6
_PAUSE = 2.0


def dispatch(repository: Repository, workflow: str, ref: str, inputs: Mapping[str, str], say: PrintLine) -> None:
    """Start a workflow file at a ref; retried for some seconds, since GitHub may not see a tag that was just pushed.

    A dispatch is the only way for ``GITHUB_TOKEN`` to start a workflow: its pushes start none.
    https://docs.github.com/en/actions/concepts/security/github_token

    Raises:
        GitHubError: GitHub refused it, or could not be reached.
    """
    from github import GithubException

    url = f"{repository.url}/actions/workflows/{workflow}/dispatches"
    with github_errors(f"{workflow} could not be started at {ref}"):
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                repository.requester.requestJsonAndCheck("POST", url, input={"ref": ref, "inputs": dict(inputs)})
            except GithubException as error:
                if "No ref found" not in str(error.data) or attempt == _ATTEMPTS:
                    raise
                say(f"GitHub does not know {ref} yet; trying again in {_PAUSE:g} s")
                time.sleep(_PAUSE)
            else:
                say(f"{workflow} was started at {ref}")
                return


def write_outputs(**values: str) -> None:
    """Append ``name=value`` lines to ``$GITHUB_OUTPUT``; outside a workflow nothing is written.

    Raises:
        SettingsError: a value has several lines, so its second line could be read as another output.
    """
    for name, value in values.items():
        if "\n" in value or "\r" in value:
            raise SettingsError(f"the output '{name}' has more than one line; nothing was written")
    _append("GITHUB_OUTPUT", "".join(f"{name}={value}\n" for name, value in values.items()))


def write_summary(markdown: str) -> None:
    """Append Markdown to the job's summary; outside a workflow nothing is written."""
    _append("GITHUB_STEP_SUMMARY", markdown.rstrip("\n") + "\n")


def _append(variable: str, text: str) -> None:
    if path := os.environ.get(variable):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
