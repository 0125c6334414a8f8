"""Parse commit messages; python-semantic-release and our lint load this same parser, so they always agree.

It is the conventional parser with three additions. git's own `Revert "..."` counts as `revert: ...`; otherwise it would
release nothing. Text from a message is escaped, so it cannot break the Markdown of the changelog and the release notes.
And long messages are cut, so parsing is always fast.
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
    """The parser that `commit_parser` in `pyproject.toml` names."""

    def unsquash_commit_message(self, message: str) -> list[str]:
        """Split a squash commit into its messages; long ones are cut, because the search in a line is quadratic."""
        lines = message[:_LONGEST_MESSAGE].split("\n")
        return super().unsquash_commit_message("\n".join(line[:_LONGEST_LINE] for line in lines))

    def parse_message(self, message: str) -> ParsedMessageResult | None:
        """Parse one message, with git's reverts as the type `revert`; return None if the message is malformed."""
        return super().parse_message(_REVERT.sub(r"revert: \g<subject>\g<rest>", message, count=1))

    def create_parsed_message_result(self, match: re.Match[str]) -> ParsedMessageResult:
        """Return the parts of a message, escaped for Markdown."""
        found = super().create_parsed_message_result(match)
        return found._replace(
            scope=escape_markdown(found.scope),
            descriptions=tuple(map(escape_markdown, found.descriptions)),
            breaking_descriptions=tuple(map(escape_markdown, found.breaking_descriptions)),
            release_notices=tuple(map(escape_markdown, found.release_notices)),
        )
