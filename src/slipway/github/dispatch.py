"""Starting a workflow: the one thing that ``GITHUB_TOKEN`` may start, since its pushes start nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from slipway.github.client import told_plainly

if TYPE_CHECKING:
    from github.Repository import Repository

_ATTEMPTS = 6
_PAUSE = 2.0


def dispatch(
    repository: Repository, workflow: str, ref: str, inputs: Mapping[str, str], say: Callable[[str], None]
) -> None:
    """Start a workflow file at a ref. A tag just pushed may not be visible yet, so that is tried again for a while.

    Raises:
        GitHubError: GitHub refused it, or could not be reached.
    """
    from github import GithubException

    url = f"{repository.url}/actions/workflows/{workflow}/dispatches"
    with told_plainly(f"{workflow} could not be started at {ref}"):
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
