"""What a command leaves for the workflow that runs it: outputs for later jobs, and a summary for people."""

from __future__ import annotations

import os
from pathlib import Path

from slipway.errors import SettingsError


def write_outputs(**values: str) -> None:
    """Append ``name=value`` lines to ``$GITHUB_OUTPUT``; outside a workflow nothing is written.

    Raises:
        SettingsError: a value has several lines, and so could pass for more outputs.
    """
    for name, value in values.items():
        if "\n" in value or "\r" in value:
            raise SettingsError(f"the output '{name}' has more than one line; nothing was written")
    _append("GITHUB_OUTPUT", "".join(f"{name}={value}\n" for name, value in values.items()))


def write_summary(markdown: str) -> None:
    """Append Markdown to the job's summary; outside a workflow nothing is written."""
    _append("GITHUB_STEP_SUMMARY", markdown.rstrip("\n") + "\n")


def _append(variable: str, text: str) -> None:
    if path := os.environ.get(variable):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
