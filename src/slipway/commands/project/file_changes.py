"""Changes of several files of a project: planned, shown, and written all together or not at all."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import SettingsError, SlipwayError
from slipway.storage import atomic


@dataclass(frozen=True)
class FileChange:
    """A file's new content, and a summary of what is different.

    With ``replaces``, nothing of the file's former content stays.
    """

    path: Path
    content: bytes
    summary: str
    replaces: bool = False

    @property
    def is_applied(self) -> bool:
        """Whether the file has this content already."""
        return self.path.is_file() and self.path.read_bytes() == self.content

    def diff(self) -> str:
        """Return the difference from the present file, as a unified diff."""
        before = read_text(self.path).splitlines(keepends=True) if self.path.is_file() else []
        after = self.content.decode(errors="replace").splitlines(keepends=True)
        return "".join(difflib.unified_diff(before, after, "yours", "Slipway's"))


def write_all(changes: Sequence[FileChange]) -> None:
    """Write every file; if one fails, restore those that were already written.

    Raises:
        StorageError: a file could not be written; every file is as it was.
    """
    before = {change.path: change.path.read_bytes() if change.path.exists() else None for change in changes}
    written: list[Path] = []
    try:
        for change in changes:
            change.path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write_file(change.path, change.content)
            written.append(change.path)
    except (SlipwayError, OSError):
        for path in written:
            if (content := before[path]) is None:
                path.unlink(missing_ok=True)
            else:
                atomic.write_file(path, content)
        raise


def read_text(path: Path) -> str:
    """Read a text file of a project.

    Raises:
        SettingsError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}; nothing was changed") from None
