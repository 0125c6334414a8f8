"""The release preview for a pull request: next version, notes, what changes for callers, what would be trained."""

from __future__ import annotations

import re

from slipway.commands.check_contract import Judgement
from slipway.reporting.markdown import table
from slipway.reporting.sanitize import code, markdown
from slipway.settings.settings import Settings
from slipway.versioning.next_version import Upcoming


def preview(settings: Settings, coming: Upcoming, judgement: Judgement) -> str:
    """The preview as Markdown. Whatever a stranger may have written in it is text there, never markup."""
    return "\n\n".join([_version(coming), *_notes(coming), _contract(judgement), _training(settings)]) + "\n"


def _version(coming: Upcoming) -> str:
    after = f", after {coming.last}" if coming.last else ", the first one"
    if coming.new:
        return f"## This releases {coming.version}{after}"
    return f"## This releases nothing; {coming.version or 'nothing'} stays the last release"


def _notes(coming: Upcoming) -> list[str]:
    """As python-semantic-release writes them, a level lower: the grammar made their text harmless already."""
    return [re.sub("^#", "##", coming.notes, flags=re.MULTILINE)] if coming.notes else []


def _contract(judgement: Judgement) -> str:
    sentence = judgement.sentence[:1].upper() + judgement.sentence[1:]
    lines = ["### For callers", f"{markdown(sentence)}."]
    if judgement.changes:
        rows = [(change.level, code(change.column), markdown(change.sentence)) for change in judgement.changes]
        lines.append(table(("step", "column", "change"), rows))
    return "\n\n".join(lines)


def _training(settings: Settings) -> str:
    data = settings.data
    sources = [(code(name), code(pin.uri), f"`{pin.sha256}`") for name, pin in data.sources.items()]
    through = f", through {data.through}" if data.through else ""
    lines = [
        f"### What is trained: {code(settings.name)}",
        f"{code(settings.train.estimator)} on {code(data.function)}{through}.",
        table(("source", "where", "sha256"), sources),
    ]
    return "\n\n".join(lines)
