"""Lint of commit messages and titles, by the parser that decides the version: what it cannot read releases nothing."""

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
"""The one commit of a repository made by "Use this template"."""
_HEADER = re.compile(r"(?P<type>[^\s:(!]{1,40})(?P<scope>\([^\n]*?\))?(?P<bang>!)?(?P<colon>\s*:)?(?P<space>\s*)")

_FORM = "after `{}` comes an optional (scope), an optional `!`, a colon, a space and the subject"


@dataclass(frozen=True)
class Commit:
    """A commit's name, its parents' number and its whole message; a mere title has no name and no parent."""

    message: str
    sha: str = ""
    parents: int = 1

    @property
    def subject(self) -> str:
        """The first line."""
        return self.message.strip().partition("\n")[0]


@dataclass(frozen=True)
class ParsedCommit:
    """What the parser makes of one commit: what it releases, and what is wrong with it, if anything is."""

    commit: Commit
    level: Level
    problem: str

    @property
    def name(self) -> str:
        """How an error calls it."""
        quoted = f'"{one_line(self.commit.subject)}"'
        return f"{self.commit.sha[:7]} {quoted}" if self.commit.sha else quoted

    @property
    def row(self) -> dict[str, str]:
        """The same for machines."""
        commit = self.commit
        return {"commit": commit.sha, "subject": commit.subject, "level": self.level, "problem": self.problem}


class Linter:
    """The table and the parser of one project."""

    def __init__(self, root: Path) -> None:
        self._types = commit_types(root)
        self._options = parser_options(root)

    def read(self, commit: Commit) -> ParsedCommit:
        """Read one commit; merges and the template's first commit are no one's to write, and release nothing."""
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
        """Why the parser could not read it, and what would be right."""
        subject = message.strip().partition("\n")[0]
        if not subject:
            return "it is empty"
        if subject.startswith(("fixup!", "squash!", "amend!")):
            return "it waits to be folded into another commit; `git rebase --autosquash` does that"
        if subject.startswith("Merge "):
            return "only a real merge commit may say so; write what the change does, as `type: subject`"
        header = _HEADER.match(subject)
        word = header["type"] if header else ""
        if word in self._types:
            empty = header is not None and header["colon"] and not subject[header.end() :]
            return f"nothing follows `{word}:`" if empty else _FORM.format(word)
        if not header or not header["colon"]:
            example = self._closest_type(word) or "fix"
            return f"it must begin with a type and a colon, such as `{example}: ...`{self._list_types()}"
        return f"`{one_line(word)}` is no type, so it would release nothing{self._hint(word)}"

    def _hint(self, word: str) -> str:
        meant = self._closest_type(word)
        return f"; did you mean `{meant}`?" if meant else self._list_types()

    def _closest_type(self, word: str) -> str:
        return closest_match(word.lower(), self._types, cutoff=0.55)

    def _list_types(self) -> str:
        return f"; the types are {', '.join(self._types)}"


def commits_in(root: Path, *revisions: str) -> list[Commit]:
    """The commits of a range such as ``v1.2.0..HEAD``, newest first.

    Raises:
        ReleaseError: git does not know the range.
    """
    listed = git(root, "log", "-z", "--format=%H%x01%P%x01%B", "--end-of-options", *revisions, "--")
    rows = (row.split("\x01", 2) for row in listed.split("\0") if row)
    return [Commit(message, sha, len(parents.split())) for sha, parents, message in rows]


def largest_bump(parsed_commits: Sequence[ParsedCommit]) -> Level:
    """What the commits release together."""
    return max((reading.level for reading in parsed_commits), key=LEVELS.index, default="none")


def _level(bump: str) -> Level:
    return bump if bump in LEVELS else "none"
