"""Lint commit messages and titles with the parser that decides the version; what it cannot parse releases nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from slipway.contract.compatibility import LEVELS, Level
from slipway.reporting.sanitize import one_line
from slipway.reporting.suggestions import closest_match
from slipway.versioning.commit_parser import CommitParser
from slipway.versioning.commit_types import commit_types, parser_options
from slipway.versioning.git.command import git

_TEMPLATE = "Initial commit"
"""The only commit of a repository that was created by "Use this template"."""
_HEADER = re.compile(r"(?P<type>[^\s:(!]{1,40})(?P<scope>\([^\n]*?\))?(?P<bang>!)?(?P<colon>\s*:)?(?P<space>\s*)")

_FORM = "after `{}`, expected an optional (scope), an optional `!`, a colon, a space and the subject"


@dataclass(frozen=True)
class Commit:
    """A commit's message, SHA and number of parents; a pull request's title has no SHA."""

    message: str
    sha: str = ""
    parents: int = 1

    @property
    def subject(self) -> str:
        """The first line."""
        return self.message.strip().partition("\n")[0]


@dataclass(frozen=True)
class ParsedCommit:
    """Result for one commit: the version bump that it releases, and what is wrong with its message (empty: nothing)."""

    commit: Commit
    level: Level
    problem: str

    @property
    def name(self) -> str:
        """The commit's name in an error."""
        quoted = f'"{one_line(self.commit.subject)}"'
        return f"{self.commit.sha[:7]} {quoted}" if self.commit.sha else quoted

    @property
    def row(self) -> dict[str, str]:
        """The result as a JSON object."""
        commit = self.commit
        return {"commit": commit.sha, "subject": commit.subject, "level": self.level, "problem": self.problem}


class Linter:
    """The commit types and the parser of one project."""

    def __init__(self, root: Path) -> None:
        self._types = commit_types(root)
        self._options = parser_options(root)

    def read(self, commit: Commit) -> ParsedCommit:
        """Parse one commit; merge commits and the template's first commit are written by tools and release nothing."""
        if commit.parents > 1 or commit.message.strip() == _TEMPLATE:
            return ParsedCommit(commit, "none", "")
        levels: list[Level] = ["none"]
        for message in self._parser.unsquash_commit_message(commit.message) or [""]:
            found = self._parser.parse_message(message)
            if found is None:
                return ParsedCommit(commit, "none", self._problem(message))
            levels.append(_level(str(found.bump)))
        return ParsedCommit(commit, max(levels, key=LEVELS.index), "")

    @cached_property
    def _parser(self) -> CommitParser:
        return CommitParser(CommitParser.parser_options(**self._options))

    def _problem(self, message: str) -> str:
        """Explain why the parser cannot read the message, and how to fix it."""
        subject = message.strip().partition("\n")[0]
        if not subject:
            return "the message is empty"
        if subject.startswith(("fixup!", "squash!", "amend!")):
            return "it must be squashed into another commit first; run `git rebase --autosquash`"
        if subject.startswith("Merge "):
            return "only a real merge commit can be named so; describe the change as `type: subject`"
        header = _HEADER.match(subject)
        word = header["type"] if header else ""
        if word in self._types:
            empty = header is not None and header["colon"] and not subject[header.end() :]
            return f"`{word}:` has no subject" if empty else _FORM.format(word)
        if not header or not header["colon"]:
            example = self._closest_type(word) or "fix"
            return f"it must begin with a type and a colon, such as `{example}: ...`{self._list_types()}"
        return f"`{one_line(word)}` is not a commit type, so it would release nothing{self._hint(word)}"

    def _hint(self, word: str) -> str:
        closest = self._closest_type(word)
        return f"; did you mean `{closest}`?" if closest else self._list_types()

    def _closest_type(self, word: str) -> str:
        return closest_match(word.lower(), self._types, cutoff=0.55)

    def _list_types(self) -> str:
        return f"; the types are {', '.join(self._types)}"


def commits_in(root: Path, *revisions: str, paths: Sequence[str] = ()) -> list[Commit]:
    """Return the commits of a range such as ``v1.2.0..HEAD``, newest first; with ``paths``, those that change one of them.

    Raises:
        ReleaseError: the range is unknown to git.
    """
    # NUL separates the commits, since no message can contain it; a \x01 within a message is after the two that split.
    listed = git(root, "log", "-z", "--format=%H%x01%P%x01%B", "--end-of-options", *revisions, "--", *paths)
    rows = (row.split("\x01", 2) for row in listed.split("\0") if row)
    return [Commit(message, sha, len(parents.split())) for sha, parents, message in rows]


def largest_bump(parsed_commits: Sequence[ParsedCommit]) -> Level:
    """Return the version bump that the commits release together."""
    return max((reading.level for reading in parsed_commits), key=LEVELS.index, default="none")


def _level(bump: str) -> Level:
    return bump if bump in LEVELS else "none"
