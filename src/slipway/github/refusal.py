"""One issue for each refused release, so that a refusal is work for somebody and not a red run among others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from slipway.bundle.archive import NOTES
from slipway.github.client import told_plainly
from slipway.github.tracker import find

if TYPE_CHECKING:
    from github.Repository import Repository

LABEL = "refused-release"


def report(repository: Repository, tag: str, folder: Path) -> str:
    """Open the issue on a refused release unless there is one, open or closed; returns its address."""
    title = f"The gate refused {tag}"
    with told_plainly(f"the refusal of {tag} could not be reported"):
        if issue := find(repository, LABEL, title, state="all"):
            return str(issue.html_url)
        body = (folder / NOTES).read_text(encoding="utf-8")
        return str(repository.create_issue(title, body, labels=[LABEL]).html_url)
