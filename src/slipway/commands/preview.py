"""Write the release preview of a pull request: next version, notes, changes for callers, and what is trained."""

from __future__ import annotations

import re

from slipway.commands.check_contract import CompatibilityResult
from slipway.reporting.markdown import table
from slipway.reporting.sanitize import code_span, escape_markdown
from slipway.settings.settings import Settings
from slipway.versioning.next_version import NextVersion


def preview(settings: Settings, next_version: NextVersion, compatibility: CompatibilityResult) -> str:
    """Return the preview as Markdown; text from commits, settings and contracts is escaped and never becomes markup."""
    return (
        "\n\n".join(
            [
                _version_section(next_version),
                *_notes_sections(next_version),
                _contract_section(compatibility),
                _training_section(settings),
            ]
        )
        + "\n"
    )


def _version_section(next_version: NextVersion) -> str:
    after = f", after {next_version.last}" if next_version.last else ", the first release"
    if next_version.new:
        return f"## This releases {next_version.version}{after}"
    if not next_version.version:
        return "## This releases nothing; there is no release yet"
    return f"## This releases nothing; the last release is still {next_version.version}"


def _notes_sections(next_version: NextVersion) -> list[str]:
    """Return python-semantic-release's notes one heading level lower; the commit parser has already escaped their text."""
    return [re.sub("^#", "##", next_version.notes, flags=re.MULTILINE)] if next_version.notes else []


def _contract_section(compatibility: CompatibilityResult) -> str:
    sentence = compatibility.sentence[:1].upper() + compatibility.sentence[1:]
    lines = ["### For callers", f"{escape_markdown(sentence)}."]
    if compatibility.changes:
        rows = [
            (change.level, code_span(change.column), escape_markdown(change.sentence))
            for change in compatibility.changes
        ]
        lines.append(table(("bump", "column", "change"), rows))
    return "\n\n".join(lines)


def _training_section(settings: Settings) -> str:
    data = settings.data
    sources = [(code_span(name), code_span(pin.uri), f"`{pin.sha256}`") for name, pin in data.sources.items()]
    through = f", through {data.through}" if data.through else ""
    lines = [
        f"### What is trained: {code_span(settings.name)}",
        f"{code_span(settings.train.estimator)} on {code_span(data.function)}{through}.",
        table(("source", "location", "SHA-256"), sources),
    ]
    return "\n\n".join(lines)
