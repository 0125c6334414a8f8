"""What lasts is seen to last: a line that moves on a terminal, plain lines now and then elsewhere, and never on stdout."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slipway.reporting.progress import now_and_then
from tests.support.fork_server import slipway
from tests.support.projects import diabetes

ON_A_TERMINAL = """
import time
from slipway.cli.options import say
with say.timed("train"), say.running("score") as note:
    note("5 rows")
    time.sleep(1.2)
    say("half way")
print("result")
"""


def test_a_component_that_lasts_is_said_to_run_before_it_ends(tmp_path: Path) -> None:
    settings = diabetes(tmp_path / "p")
    ingest = settings.with_name("ingest.py")
    ingest.write_text(f"import time\n{ingest.read_text()}".replace("    return", "    time.sleep(2.5)\n    return"))
    done = slipway(settings, "run")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^ingest: running for 2 s\n(.*\n)*ingest +\d+\.\d s$", done.stderr, re.MULTILINE)
    assert "running" not in done.stdout


def test_what_is_soon_over_is_not_said_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    with now_and_then("train"):
        pass
    assert capsys.readouterr() == ("", "")


def test_a_note_stands_beside_what_runs(capsys: pytest.CaptureFixture[str]) -> None:
    with now_and_then("score") as note:
        note("1 row")
        note("2 rows")
        time.sleep(2.3)
    assert capsys.readouterr() == ("", "score: running for 2 s, 2 rows\n")


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
    assert "0:00:01" in words
    assert "half way" in words
    assert re.search(r"train +1\.\d s", words)


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
