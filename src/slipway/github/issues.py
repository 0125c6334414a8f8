"""Open issues and pull requests, each only once: an existing one is looked up first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from slipway.bundle.release_assets import NOTES
from slipway.github.client import github_errors, patch

if TYPE_CHECKING:
    from github.Issue import Issue
    from github.Repository import Repository

LABEL = "refused-release"


def find_issue(repository: Repository, label: str, title: str, *, state: str) -> Issue | None:
    """Find the newest issue with this label and title; ``state`` is ``open`` or ``all``."""
    for issue in repository.get_issues(state=state, labels=[label]):
        if issue.title == title and issue.pull_request is None:
            return issue
    return None


def open_pull_request(
    repository: Repository, branch: str, *, base: str, title: str, body: str, update: bool = False
) -> str:
    """Open a pull request for the branch, unless one is open already; returns its URL.

    Args:
        update: give one that is open this title and body.

    Raises:
        GitHubError: GitHub refused it, for example because the repository's settings do not allow GITHUB_TOKEN to open
            pull requests.
    """
    with github_errors(f"the pull request for {branch} could not be opened"):
        for pull in repository.get_pulls(state="open", base=base, head=f"{repository.owner.login}:{branch}"):
            if update and (pull.title, pull.body) != (title, body):
                patch(pull, title=title, body=body)
            return str(pull.html_url)
        return str(repository.create_pull(base=base, head=branch, title=title, body=body).html_url)


def open_refusal_issue(repository: Repository, tag: str, folder: Path) -> str:
    """Open an issue for a refused release, unless there is one, open or closed; returns its URL."""
    title = f"The gate refused {tag}"
    with github_errors(f"the refusal of {tag} could not be reported"):
        if issue := find_issue(repository, LABEL, title, state="all"):
            return str(issue.html_url)
        body = (folder / NOTES).read_text(encoding="utf-8")
        return str(repository.create_issue(title, body, labels=[LABEL]).html_url)
