"""Run the commands of a page in order, as a reader types them, and compare or rewrite the output that the page prints.

``python -m tests.support.walkthrough`` runs README.md and docs/tutorial.md in a fresh clone of what is committed here, and
writes the real output into both pages. A line `...` in the output of a page stands for lines that the page leaves out: a
rewritten page keeps as many lines before and after it as it had. A command that prints nothing in the page is only run.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from slipway.target.journal import current_actor
from tests.support.documents import ROOT, Command, blocks
from tests.support.eventually import eventually
from tests.support.flights import environment_for_people
from tests.support.git_repositories import git

PAGES = (ROOT / "README.md", ROOT / "docs" / "tutorial.md")
FOLDER = "/home/you/slipway"
"""The folder of the clone, as the pages print it."""
PORT = "8080"
"""The port in the pages. Tests use a free port instead, because several run at the same time."""
ELISION = "..."
_END = "end of command:"
_HEARTBEAT = re.compile(r".*: running for \d+ s.*")
_SETUP = {"git clone https://github.com/you/slipway": ":", "cd slipway": ":", "source .venv/bin/activate": ":"}
"""What a reader does first; a walkthrough begins in a clone, with this checkout's environment on its path."""
_MASKS = (
    (re.compile(r"(?<![\w.])\d+\.\d+\.\d+(-dev\.\d+)?(\+g[0-9a-f]{7,}(\.dirty)?)?(?![\w.])"), "<version>"),
    (re.compile(r"\b20[2-9]\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z| UTC|[+-]\d\d:\d\d)?"), "<time>"),
    (re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{7,64}\b"), "<digest>"),
    (re.compile(r"\b\d+(\.\d+)? s\b"), "<seconds> s"),
    (re.compile(r'"pid":\d+'), '"pid":<pid>'),
    (re.compile(r"(\.\d{3})\d{6,}"), r"\1<digits>"),
    (re.compile(r"  +"), "  "),
)
"""What differs between two runs; columns are as wide as the version in them."""


@dataclass(frozen=True)
class Step:
    """A command of a page and what it really printed."""

    command: Command
    output: list[str]
    exit_code: int

    @property
    def agrees(self) -> bool:
        """Whether the page prints this output, apart from what differs between two runs."""
        return self.exit_code == 0 and mask(self.printed) == mask(self.command.output)

    @property
    def difference(self) -> str:
        """How the page and the real output differ, for the message of a failed test."""
        lines = unified_diff(mask(self.command.output), mask(self.printed), "the page", "the command", lineterm="")
        return "\n".join([f"$ {self.command.text}", f"exit code {self.exit_code}", *lines, "", *self.output])

    @property
    def printed(self) -> list[str]:
        """The real output, cut as the page cuts it."""
        if ELISION not in self.command.output:
            return self.output if self.command.output else []
        before = self.command.output.index(ELISION)
        after = len(self.command.output) - before - 1
        return [*self.output[:before], ELISION, *self.output[len(self.output) - after :]]


class Shell:
    """One bash session, so `cd` and background jobs work as they do for a reader."""

    def __init__(self, folder: Path, aliases: Mapping[str, str], port: str) -> None:
        self.folder = folder
        self._aliases = _SETUP | aliases
        self._port = port
        people = {f"GIT_{role}_{what}": "you" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment_for_people() | people | {"COLUMNS": "110"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, text: str) -> tuple[int, list[str]]:
        """Run a command to its end, or one that ends in `&` until its port accepts connections."""
        without_comment = text.partition("  #")[0].rstrip()
        command = self._aliases.get(without_comment) or re.sub(rf"(?<=[: ]){PORT}\b", self._port, without_comment)
        in_background = command.endswith("&")
        if in_background:
            command = f"{command.removesuffix('&')} >/dev/null 2>&1 &"
        assert self._bash.stdin
        # Bash reads its commands from stdin, which what it starts must leave alone.
        self._bash.stdin.write(f"{{ {command}\n}} </dev/null\nprintf '\\n{_END} %s\\n' $?\n")
        self._bash.stdin.flush()
        code, output = self._read_to_end()
        if in_background:
            assert eventually(self._accepts_connections), f"nothing listens on port {self._port}"
        return code, output

    def close(self) -> None:
        """End the session with everything that it started."""
        os.killpg(self._bash.pid, signal.SIGTERM)
        self._bash.communicate(timeout=60)

    def _read_to_end(self) -> tuple[int, list[str]]:
        lines: list[str] = []
        assert self._bash.stdout
        for line in self._bash.stdout:
            if line.startswith(_END):
                return int(line.removeprefix(_END)), self._as_printed(lines)
            lines.append(line.rstrip())
        raise AssertionError(f"bash ended before the command did: {lines}")

    def _as_printed(self, lines: list[str]) -> list[str]:
        text = "\n".join(line for line in lines if not _HEARTBEAT.fullmatch(line))
        text = text.replace(str(self.folder), FOLDER).replace(f":{self._port}", f":{PORT}")
        who = rf"(?<=  ){re.escape(current_actor())}(?=  |$)"  # only as a column, because it can be any word
        return re.sub(who, "you", text, flags=re.MULTILINE).strip("\n").splitlines()

    def _accepts_connections(self) -> bool:
        with socket.socket() as caller:
            return caller.connect_ex(("127.0.0.1", int(self._port))) == 0


@contextmanager
def shell_in(folder: Path, *, port: str = "", **aliases: str) -> Iterator[Shell]:
    """Open a session in a clone; the aliases `make_ship` and `make_test` are what to run instead of these commands."""
    shell = Shell(folder, {name.replace("_", " "): command for name, command in aliases.items()}, port or _free_port())
    try:
        yield shell
    finally:
        shell.close()


def follow(page: Path, shell: Shell) -> Iterator[Step]:
    """Write the files and run the commands that a page gives, in order."""
    for block in blocks(page):
        if block.file:
            (shell.folder / block.file).write_text(block.text)
        for command in block.commands if block.language == "console" else ():
            code, output = shell.run(command.text)
            yield Step(command, output, code)


def mask(lines: list[str]) -> list[str]:
    """The lines, with a visible mark for what differs between two runs."""
    text = "\n".join(lines)
    for pattern, mark in _MASKS:
        text = pattern.sub(mark, text)
    return text.splitlines()


def rewrite(page: Path, shell: Shell) -> None:
    """Run the commands of a page, and print in it what they printed."""
    text, end = page.read_text(), 0
    for step in follow(page, shell):
        print(f"$ {step.command.text}", *step.output, sep="\n", flush=True)
        if step.exit_code:
            sys.exit(f"{page.name}: exit code {step.exit_code}; the page was not changed")
        start = text.index(f"$ {step.command.text}\n", end) + len(step.command.text) + 3
        old = "".join(f"{line}\n" for line in step.command.output)
        assert text.startswith(old, start)
        new = "".join(f"{line}\n" for line in step.printed)
        text, end = text[:start] + new + text[start + len(old) :], start + len(new)
    page.write_text(text)


def _free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def main() -> None:
    """Rewrite the pages, each from a clone of its own that has shipped the example."""
    for page in PAGES:
        with tempfile.TemporaryDirectory() as folder:
            clone = Path(folder, "slipway")
            git(Path(folder), "clone", "-q", str(ROOT), str(clone))
            with shell_in(clone, port=PORT, make_ship="slipway ship", make_test=":") as shell:
                rewrite(page, shell)


if __name__ == "__main__":
    main()
