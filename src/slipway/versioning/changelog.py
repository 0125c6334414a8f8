"""What CHANGELOG.md says of one release, for its page."""

from __future__ import annotations

import re
from pathlib import Path

CHANGELOG_FILE = "CHANGELOG.md"


def changes_of(root: Path, version: str) -> str:
    """The section of a version, with its heading; nothing where there is none, as for a release by tag only."""
    path = root / CHANGELOG_FILE
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.search(rf"^## v{re.escape(version)}\b.*?(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    return found[0].strip() if found else ""
