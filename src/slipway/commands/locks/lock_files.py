"""Find the lock files of a checkout, and compare the packages of two states of them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from slipway.versioning.git.command import git

_PATTERN = ":(glob)**/requirements*.lock"
_REGULAR_FILE = "100644"
_PIN = re.compile(r"^([a-zA-Z0-9][\w.-]*)==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True)
class VersionChange:
    """The versions of a package before and after; empty if no lock has the package."""

    package: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.package}: {self.before or 'none'} -> {self.after or 'none'}"


def lock_files(root: Path) -> list[str]:
    """Return the locks that git tracks in a repository, by path; links to a lock are omitted."""
    # Each component has a link to the lock of the training packages, because MLflow looks for it beside its MLproject.
    entries = git(root, "ls-files", "-s", "-z", "--", _PATTERN).split("\0")
    return [entry.partition("\t")[2] for entry in entries if entry.startswith(_REGULAR_FILE)]


def compare_versions(before: Mapping[str, str], after: Mapping[str, str]) -> list[VersionChange]:
    """Return what differs between the texts of locks, by path, in the order of the packages."""
    old, new = _versions(before.values()), _versions(after.values())
    changes = (VersionChange(name, old.get(name, ""), new.get(name, "")) for name in sorted({*old, *new}))
    return [change for change in changes if change.before != change.after]


def _versions(locks: Iterable[str]) -> dict[str, str]:
    """Return each package's version; two, if a lock has one for each of two versions of Python."""
    found: dict[str, set[str]] = defaultdict(set)
    for text in locks:
        for name, version in _PIN.findall(text):
            found[name].add(version)
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}
