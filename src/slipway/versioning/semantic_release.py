"""python-semantic-release as a subprocess of the locked environment: it decides the version and writes the notes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import ReleaseError
from slipway.versioning.git.command import last_line, plain_environment

_TIMEOUT = 600


@dataclass(frozen=True)
class Decision:
    """The version at the end, whether it is a new one, and the release notes of a new one as Markdown."""

    version: str
    new: bool
    notes: str


def decide(clone: Path, *options: str) -> Decision:
    """Run `semantic-release version` with these options in a throw-away clone; it pushes and publishes nothing.

    Raises:
        ReleaseError: it failed; the message repeats its last line.
    """
    outputs = clone.with_name("outputs")
    command = [sys.executable, "-I", "-m", "semantic_release", "version", "--no-push", "--no-vcs-release", *options]
    done = subprocess.run(
        command,
        cwd=clone,
        env={**plain_environment(), "GIT_TERMINAL_PROMPT": "0", "GITHUB_OUTPUT": str(outputs)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=_TIMEOUT,
        check=False,
    )
    if done.returncode or not outputs.is_file():
        raise ReleaseError(f"python-semantic-release failed: {_reason(done.stderr)}; nothing was released")
    return _parse(outputs.read_text(encoding="utf-8"))


def _reason(said: str) -> str:
    lines = [
        line.removeprefix("::ERROR::") for line in said.splitlines() if "semantic-release in very verbose" not in line
    ]
    return last_line("\n".join(lines))


def _parse(text: str) -> Decision:
    """Its outputs; the notes come last, up to the end of the file, so no line in them can pass for the end."""
    head, _, notes = text.partition("\nrelease_notes")
    values = dict(line.split("=", 1) for line in head.splitlines() if "=" in line)
    notes = notes.removeprefix("<<EOF\n").removesuffix("EOF\n").strip() if notes.startswith("<<EOF\n") else ""
    return Decision(values["version"], values["released"] == "true", notes)
