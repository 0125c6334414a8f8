"""A pull request for a branch: opened once, and found again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slipway.github.client import told_plainly

if TYPE_CHECKING:
    from github.Repository import Repository


def propose(repository: Repository, branch: str, *, base: str, title: str, body: str) -> str:
    """Open the pull request unless one is open already; returns its address.

    Raises:
        GitHubError: GitHub refused it: GITHUB_TOKEN needs the repository's leave to open pull requests.
    """
    with told_plainly(f"the pull request for {branch} could not be opened"):
        for pull in repository.get_pulls(state="open", base=base, head=f"{repository.owner.login}:{branch}"):
            return str(pull.html_url)
        return str(repository.create_pull(base=base, head=branch, title=title, body=body).html_url)
