"""The grammar of commit messages, loaded by python-semantic-release itself and by our lint, so there is only one.

It is the conventional parser with three additions. git's own `Revert "..."` counts as `revert: ...`, which would release
nothing otherwise. What is shown of a message in the changelog and the release notes cannot break out of their Markdown.
And a message of any length is parsed in a moment.
"""

from __future__ import annotations

import re

from semantic_release.commit_parser import ConventionalCommitParser
from semantic_release.commit_parser.token import ParsedMessageResult

from slipway.reporting.sanitize import escape_markdown

_REVERT = re.compile(r'\A(?:Revert|Reapply) "(?P<subject>[^\n]+)"(?P<rest>[^"\n]*)(?=\n|$)')
_LONGEST_LINE = 2_000
_LONGEST_MESSAGE = 100_000


class CommitParser(ConventionalCommitParser):
    """What `commit_parser` in `pyproject.toml` names."""

    def unsquash_commit_message(self, message: str) -> list[str]:
        """The messages that a squashed one is made of; long ones are cut, since the search in a line is quadratic."""
        lines = message[:_LONGEST_MESSAGE].split("\n")
        return super().unsquash_commit_message("\n".join(line[:_LONGEST_LINE] for line in lines))

    def parse_message(self, message: str) -> ParsedMessageResult | None:
        """Parse one message, git's reverts as the type `revert`; None when it follows no form."""
        return super().parse_message(_REVERT.sub(r"revert: \g<subject>\g<rest>", message, count=1))

    def create_parsed_message_result(self, match: re.Match[str]) -> ParsedMessageResult:
        """The parts of a message, harmless in Markdown."""
        found = super().create_parsed_message_result(match)
        return found._replace(
            scope=escape_markdown(found.scope),
            descriptions=tuple(map(escape_markdown, found.descriptions)),
            breaking_descriptions=tuple(map(escape_markdown, found.breaking_descriptions)),
            release_notices=tuple(map(escape_markdown, found.release_notices)),
        )
