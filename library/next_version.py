"""Decide the next version of the library: from the commits that change its wheel, checked against its public API."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from library.public_api import breaking_changes, load_api, load_api_at
from slipway.contract.compatibility import LEVELS, Level
from slipway.errors import ReleaseError
from slipway.reporting.sanitize import escape_markdown
from slipway.versioning.checkout_version import FIRST_VERSION
from slipway.versioning.commit_lint import Linter, ParsedCommit, commits_in, largest_bump
from slipway.versioning.git.command import git
from slipway.versioning.library_wheel import LIBRARY_TAG, SOURCE, source_paths
from slipway.versioning.semver import newest_release, smallest_bump

CHANGELOG = f"{SOURCE}/CHANGELOG.md"
_TITLE = "# Changelog of slipway-ml\n"
_HEADINGS: dict[Level, str] = {"major": "Breaking changes", "minor": "Features", "patch": "Fixes"}
_PREFIX = re.compile(r"\A[a-z]+(\([^)\n]*\))?!?:\s+")
_SHOWN = 5


@dataclass(frozen=True)
class NextLibrary:
    """The version to release (empty: none), the last one (empty: none yet), and its section of the changelog."""

    version: str
    last: str
    notes: str

    @property
    def tag(self) -> str:
        """The tag of the version to release; empty if there is none."""
        return f"{LIBRARY_TAG}{self.version}" if self.version else ""


def library_release_at(root: Path, *which: str) -> str:
    """Return the highest version among the library's tags that the options of `git tag` select; empty if there is none."""
    tags = git(root, "tag", *which).split()
    # `v1.2.3` alone is a release of the project.
    own = (f"v{tag.removeprefix(LIBRARY_TAG)}" for tag in tags if tag.startswith(LIBRARY_TAG))
    return newest_release(own).removeprefix("v")


def find_next_library(root: Path, today: datetime.date) -> NextLibrary:
    """Return what a release of the library from HEAD would be; changes nothing.

    Raises:
        ReleaseError: the public API changed in a way that can break callers, and no commit says so.
    """
    last = library_release_at(root, "--merged", "HEAD")
    commits = list(_commits_since(root, last))
    level = largest_bump(commits)
    if last:
        _check_public_api(root, last, level)
    if level == "none":
        return NextLibrary("", last, "")
    version = smallest_bump(last, level) if last else FIRST_VERSION
    lines = _list_changes(commits) if last else ["", "The first release."]
    return NextLibrary(version, last, "\n".join([f"## v{version} ({today.isoformat()})", *lines]) + "\n")


def add_to_changelog(text: str, notes: str) -> str:
    """Return the changelog with the notes of a new version above those of the earlier ones."""
    return f"{_TITLE}\n{notes}\n{text.removeprefix(_TITLE).lstrip()}".rstrip("\n") + "\n"


def read_notes(changelog: str, version: str) -> str:
    """Return the section of a version without its heading; empty if there is none."""
    found = re.search(rf"^## v{re.escape(version)} [^\n]*\n(.*?)(?=^## |\Z)", changelog, flags=re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


def _commits_since(root: Path, last: str) -> Iterator[ParsedCommit]:
    """Yield the commits since the last release that change what the wheel is made of, newest first."""
    linter = Linter(root)
    paths = [str(path.relative_to(root)) for path in source_paths(root / SOURCE)]
    for commit in commits_in(root, f"{LIBRARY_TAG}{last}..HEAD" if last else "HEAD", paths=paths):
        yield linter.read(commit)


def _check_public_api(root: Path, last: str, level: Level) -> None:
    changes = breaking_changes(load_api_at(root, f"{LIBRARY_TAG}{last}"), load_api(root / SOURCE))
    if changes and level != "major":
        released = "release nothing" if level == "none" else f"release only {smallest_bump(last, level)}"
        more = f" and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
        raise ReleaseError(
            f"callers of slipway-ml {last} need {smallest_bump(last, 'major')}, but the commits since then {released}: "
            f"{'; '.join(changes[:_SHOWN])}{more}; restore the old names, or add a commit such as `feat!: ...`; nothing was "
            "released"
        )


def _list_changes(commits: Iterable[ParsedCommit]) -> Iterator[str]:
    found = list(commits)
    for level in reversed(LEVELS):
        entries = [_describe(reading) for reading in found if reading.level == level]
        if entries and level in _HEADINGS:
            yield from ("", f"### {_HEADINGS[level]}", "", *entries)


def _describe(reading: ParsedCommit) -> str:
    subject = _PREFIX.sub("", reading.commit.subject)
    return f"- {escape_markdown(subject[:1].upper() + subject[1:])} ({reading.commit.sha[:7]})"
