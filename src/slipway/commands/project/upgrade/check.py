"""Report which version a project could be upgraded to and what that would change, and keep one issue on GitHub about it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slipway.commands.project.template_values import read_values
from slipway.commands.project.upgrade.merge import list_differences
from slipway.commands.project.upgrade.wheel import LibraryWheel, find_wheel, is_newer, read_news
from slipway.github.client import github_errors, patch
from slipway.github.issues import find_issue

if TYPE_CHECKING:
    from github.Repository import Repository

LABEL = "upgrade"
TITLE = "A newer version of Slipway is available"


@dataclass(frozen=True)
class UpgradeCheck:
    """The project's version, the available one, whether that is newer, and what an upgrade would bring."""

    current: str
    available: str
    newer: bool
    news: list[str]
    files: list[str]

    def lines(self) -> list[str]:
        """Return the check as lines for people."""
        if not self.newer:
            return [f"this project uses slipway-ml {self.current}; {self.available} is not newer"]
        first = f"slipway-ml {self.available} is available; this project uses {self.current}"
        return [first, *(f"  new      {line}" for line in self.news), *(f"  changes  {path}" for path in self.files)]


def check_upgrade(root: Path, wheel: LibraryWheel) -> UpgradeCheck:
    """Compare a wheel with the project's version; nothing is changed.

    Raises:
        UpgradeError: the wheel of the project's own version is not in ``vendor/`` and cannot be downloaded.
    """
    values = read_values(root)
    current, newer = values.slipway_version, is_newer(wheel.version, values.slipway_version)
    if not newer:
        return UpgradeCheck(current, wheel.version, False, [], [])
    with tempfile.TemporaryDirectory(prefix="slipway-upgrade-") as folder:
        files = list_differences(values, find_wheel(root, current, Path(folder)), wheel)
    return UpgradeCheck(current, wheel.version, True, read_news(wheel, current), files)


def update_issue(repository: Repository, check: UpgradeCheck) -> str:
    """Open or update the issue while a newer version is available, and close it when there is none.

    Raises:
        GitHubError: GitHub refused a request, or could not be reached; running it again is safe.
    """
    text = "\n".join(check.lines())
    body = f"```text\n{text}\n```\n\nIn a clone:\n\n```console\n$ slipway upgrade {check.available}\n```\n"
    with github_errors("the available upgrade could not be reported"):
        issue = find_issue(repository, LABEL, TITLE, state="open")
        if not check.newer:
            if issue is not None:
                patch(issue, state="closed", state_reason="completed")
            return text if issue is None else f"{text}; closed {issue.html_url}"
        if issue is None:
            issue = repository.create_issue(TITLE, body, labels=[LABEL])
        elif issue.body != body:
            patch(issue, body=body)
    return f"{text}\n{issue.html_url}"
