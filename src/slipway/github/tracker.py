"""Issues that are found again by their label and title, so that nothing is reported twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from github.Issue import Issue
    from github.Repository import Repository


def find(repository: Repository, label: str, title: str, *, state: str) -> Issue | None:
    """The newest issue of that title, among those that are ``open`` or ``all``."""
    for issue in repository.get_issues(state=state, labels=[label]):
        if issue.title == title and issue.pull_request is None:
            return issue
    return None
