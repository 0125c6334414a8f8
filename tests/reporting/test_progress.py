"""What lasts is seen to last: a line that moves on a terminal, plain lines now and then elsewhere, and never on stdout."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.reporting.progress import heartbeat_on_stderr
from tests.support.eventually import eventually
from tests.support.fork_server import PROGRAM, ROOT, clean
from tests.support.projects import diabetes, with_store

ON_A_TERMINAL = """
import time
from slipway.cli.options import stderr_progress
with stderr_progress.step_timer("train"), stderr_progress.heartbeat("score") as note:
    note("5 rows")
    time.sleep(1.2)
    stderr_progress("half way")
print("result")
"""
LAST = "    while not pathlib.Path(__file__).with_name('seen').exists(): time.sleep(0.05)\n"
"""A component lasts until its test has seen that it is said to."""


def test_a_component_that_lasts_is_said_to_run_before_it_ends(tmp_path: Path) -> None:
    settings = with_store(diabetes(tmp_path / "p"))
    ingest = settings.with_name("ingest.py")
    ingest.write_text(f"import time, pathlib\n{ingest.read_text()}".replace("    return", f"{LAST}    return"))
    command, environment = [sys.executable, "-c", PROGRAM, "run"], clean(PYTHONPATH=str(ROOT / "src"))
    pipe, said = subprocess.PIPE, ""
    with subprocess.Popen(
        command, cwd=settings.parent, env=environment, stdout=pipe, stderr=pipe, text=True
    ) as process:
        assert process.stdout and process.stderr
        for line in process.stderr:
            said += line
            if line.startswith("ingest: running"):
                settings.with_name("seen").touch()
        assert "running" not in process.stdout.read()
    assert process.returncode == 0, said
    assert re.search(r"^ingest: running for (?![01] )\d+ s\n(.*\n)*ingest +\d+\.\d s$", said, re.MULTILINE)


def test_what_is_soon_over_is_not_said_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    with heartbeat_on_stderr("train"):
        pass
    assert capsys.readouterr() == ("", "")


def test_a_note_stands_beside_what_runs(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[tuple[str, str]] = []
    with heartbeat_on_stderr("score") as note:
        note("1 row")
        note("2 rows")
        assert eventually(lambda: said.append(capsys.readouterr()) or said[-1][1])
    assert "".join(out for out, _ in said) == ""
    assert re.fullmatch(r"score: running for (?![01] )\d+ s, 2 rows\n", "".join(err for _, err in said))


def test_a_terminal_shows_a_line_that_moves_and_then_goes(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", ON_A_TERMINAL]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.PIPE, env=environment) as process:
        os.close(theirs)
        shown = read_all(ours)
        assert process.stdout
        assert process.stdout.read() == b"result\n"
    words = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown)
    assert "score  5 rows" in words
    assert re.search(r"0:00:(?!00)\d\d", words)
    assert "half way" in words
    assert re.search(r"train +[1-9]\d*\.\d s", words)


def read_all(terminal: int) -> str:
    """All that comes from a terminal until nobody writes to it any more."""
    parts = []
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:
            part = b""
        if not part:
            os.close(terminal)
            return b"".join(parts).decode()
        parts.append(part)
