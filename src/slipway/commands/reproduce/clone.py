"""Clone the tag of a release into a new folder, with the pinned data that git does not have."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.errors import NotFoundError, RebuildError, SettingsError
from slipway.settings.settings import SETTINGS_FILE
from slipway.versioning.git.command import REMOTE, credentials, git, last_line, run

_NO_SUCH_REF = 2


@dataclass(frozen=True)
class ReleaseClone:
    """The project of a tag, the commit of the tag, and the text of its settings."""

    project: Path
    commit: str
    settings: str

    @property
    def document(self) -> dict[str, Any]:
        """The settings as the file has them; a later version of Slipway may not know all of them.

        Raises:
            SettingsError: the file is not valid TOML.
        """
        try:
            return tomllib.loads(self.settings)
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{self.project / SETTINGS_FILE} is not valid TOML: {error}") from None

    @property
    def data(self) -> dict[str, str]:
        """The data pin as a bundle records it: the sha256 of each source, and the last day."""
        data: Mapping[str, Any] = self.document.get("data", {})
        pins = {name: str(source.get("sha256", "")) for name, source in data.get("sources", {}).items()}
        return {**pins, "through": str(data.get("through", ""))}


def clone_release(root: Path, tag: str, into: Path) -> ReleaseClone:
    """Clone the tag from the repository of the project at ``root``, or from its remote if it does not have the tag.

    Raises:
        NotFoundError: the tag does not exist here or on the remote, or it has no such project.
        RebuildError: the remote cannot be reached.
        ReleaseError: ``root`` is not in a repository.
    """
    inside = git(root, "rev-parse", "--show-prefix")
    here = run(root, "rev-parse", "--quiet", "--verify", f"refs/tags/{tag}^{{commit}}").returncode == 0
    source = [git(root, "rev-parse", "--show-toplevel")] if here else ["--depth", "1", _remote_with(root, tag)]
    options = ("-c", f"core.hooksPath={os.devnull}", "-c", "advice.detachedHead=false", "--branch", tag)
    done = run(root, "clone", "--quiet", *options, *source, str(into), extra={} if here else credentials(root))
    if done.returncode:
        raise RebuildError(f"{tag} cannot be cloned: {last_line(done.stderr)}; nothing was changed")
    project = into / inside
    try:
        text = (project / SETTINGS_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise NotFoundError(f"{tag} has no readable {inside}{SETTINGS_FILE}; nothing was changed") from None
    clone = ReleaseClone(project, git(into, "rev-parse", "HEAD"), text)
    _link_data(root, clone, into.parent)
    return clone


def _remote_with(root: Path, tag: str) -> str:
    """Return the address of the remote, which has the tag."""
    address = run(root, "remote", "get-url", REMOTE).stdout.strip()
    if not address:
        raise NotFoundError(f"{root} has no tag {tag} and no remote {REMOTE}; nothing was changed")
    found = run(root, "ls-remote", "--exit-code", REMOTE, f"refs/tags/{tag}", extra=credentials(root))
    if found.returncode == _NO_SUCH_REF:
        raise NotFoundError(f"there is no tag {tag} in {root} or on {REMOTE}; nothing was changed")
    if found.returncode:
        raise RebuildError(
            f"{root} has no tag {tag}, and {REMOTE} cannot be reached: {last_line(found.stderr)}; nothing was changed"
        )
    return address


def _link_data(root: Path, clone: ReleaseClone, scratch: Path) -> None:
    """Link the data files that are in the project's folder but not in git; ingest compares them with the pin."""
    for source in clone.document.get("data", {}).get("sources", {}).values():
        uri = str(source.get("uri", ""))
        wanted, present = Path(os.path.normpath(clone.project / uri)), Path(os.path.normpath(root / uri))
        if "://" in uri or wanted.exists() or not present.is_file() or not wanted.is_relative_to(scratch):
            continue
        wanted.parent.mkdir(parents=True, exist_ok=True)
        wanted.symlink_to(present)
