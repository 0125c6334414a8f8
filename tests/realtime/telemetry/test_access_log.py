"""The access log has a whole line for every answer, and no fault of the disk reaches a request."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from slipway.errors import StorageError
from slipway.realtime.telemetry.access_log import AccessEntry, AccessLog, check_writable
from tests.support.failing_writes import largest_file

KNOW_A_LINE = """
import os, sys, threading, time, msgspec
from slipway.realtime.telemetry.access_log import AccessEntry, AccessLog

def access(**changes):
    return msgspec.structs.replace(msgspec.json.decode(sys.argv[1], type=AccessEntry), **changes)

"""
WRITE_TO_STDERR = """
for worker in "ab":
    if os.fork() == 0:
        log = AccessLog(None)
        for number in range(2000):
            log.write(access(id=f"{worker}{number}", path="/" + "p" * 200))
            if number % 50 == 0:
                log.flush()
        log.close()
        os._exit(0)
os.wait(), os.wait()
"""


def access(**changes: Any) -> AccessEntry:
    said: dict[str, Any] = {
        "id": "r1",
        "client": "10.0.0.1",
        "method": "POST",
        "path": "/invocations",
        "status": 200,
        "seconds": 0.00012345678,
        "rows": 1,
        "bytes": 300,
        "release": "1.2.3",
    }
    return AccessEntry(**said | changes)


def with_lines(program: str) -> list[str]:
    """The command of a program to which ``access`` is known as it is here."""
    return [sys.executable, "-c", KNOW_A_LINE + program, msgspec.json.encode(access()).decode()]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(log: AccessLog, **changes: Any) -> None:
    log.write(access(**changes))
    log.flush()


def test_an_answer_is_a_line_that_names_everything(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.log")
    log.write(access())
    assert not (tmp_path / "access.log").exists()
    log.close()
    (line,) = lines(tmp_path / "access.log")
    assert list(line) == ["time", "id", "client", "method", "path", "status", "seconds", "rows", "bytes", "release"]
    assert line["seconds"] == 0.000123
    assert line["time"].endswith("Z")


def test_what_a_caller_sends_cannot_make_a_second_line_or_a_long_one(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.log")
    write(log, path='/a\n{"status":500}\x1b[31m"\ud800é', method="M" * 100)
    write(log, path="/\0" * 100_000)
    first, second = lines(tmp_path / "access.log")
    assert first["path"] == '/a\n{"status":500}\x1b[31m"?é'
    assert first["method"] == "M" * 16
    assert second["path"] == "/\0" * 256
    assert b"\x1b" not in (tmp_path / "access.log").read_bytes()


def test_workers_share_a_file_and_every_line_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "access.log"

    def worker(name: str) -> None:
        log = AccessLog(path)
        for number in range(5000):
            log.write(access(id=f"{name}{number}"))
            if number % 7 == 0:
                log.flush()
        log.close()

    workers = [multiprocessing.get_context("fork").Process(target=worker, args=(name,)) for name in "ab"]
    for process in workers:
        process.start()
    for process in workers:
        process.join()
    found = [line["id"] for line in lines(path)]
    assert sorted(found) == sorted(f"{name}{number}" for name in "ab" for number in range(5000))


def test_workers_share_the_pipe_of_stderr_and_every_line_is_whole() -> None:
    done = subprocess.run(with_lines(WRITE_TO_STDERR), stderr=subprocess.PIPE, text=True, check=True)
    found = [json.loads(line)["id"] for line in done.stderr.splitlines()]
    assert sorted(found) == sorted(f"{name}{number}" for name in "ab" for number in range(2000))


def test_after_logrotate_lines_go_to_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(path)
    write(log, id="before")
    path.rename(tmp_path / "access.log.1")
    time.sleep(1.1)
    write(log, id="after")
    assert [line["id"] for line in lines(tmp_path / "access.log.1")] == ["before"]
    assert [line["id"] for line in lines(path)] == ["after"]


def test_a_file_that_was_replaced_by_another_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(path)
    write(log, id="before")
    path.rename(tmp_path / "access.log.1")
    path.touch()
    time.sleep(1.1)
    write(log, id="after")
    assert [line["id"] for line in lines(path)] == ["after"]


def test_a_full_disk_is_counted_said_once_and_survived(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "access.log"
    path.symlink_to("/dev/full")
    log = AccessLog(path)
    for _ in range(3):
        write(log)
    assert (log.take_drops(), log.take_drops()) == (3, 0)
    path.unlink()
    time.sleep(1.1)
    write(log, id="after")
    assert [line["id"] for line in lines(path)] == ["after"]
    assert log.take_drops() == 0
    assert capfd.readouterr().err.splitlines() == [
        f"worker {os.getpid()}: the access log {path} cannot be written: No space left on device; "
        "lines are dropped until it can be written again",
        f"worker {os.getpid()}: the access log {path} can be written again",
    ]


def test_a_half_line_of_a_disk_that_filled_up_spoils_no_other_line(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(path)
    with largest_file(1000):
        for _ in range(10):
            log.write(access())
        log.flush()
        write(log)
    write(log, id="after")
    *whole, torn, last = path.read_text().splitlines()
    assert [json.loads(line)["id"] for line in whole] == ["r1"] * len(whole)
    with pytest.raises(json.JSONDecodeError):
        json.loads(torn)
    assert json.loads(last)["id"] == "after"
    assert log.take_drops() == 11 - len(whole)


def test_a_log_that_waits_too_long_drops_and_counts(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.log", max_waiting=10)
    for _ in range(25):
        log.write(access())
    log.close()
    assert log.take_drops() == 15
    assert len(lines(tmp_path / "access.log")) == 10


def test_a_log_that_cannot_be_opened_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "access.log"
    message = f"the access log {path} cannot be written: No such file or directory; nothing was started"
    with pytest.raises(StorageError, match=message):
        check_writable(path)
    check_writable(tmp_path / "access.log")


def test_a_reader_of_stderr_that_is_stuck_holds_up_neither_requests_nor_the_stop() -> None:
    program = (
        "log = AccessLog(None, max_waiting=1000)\n"
        "def fill():\n"
        "    for _ in range(1000): log.write(access())\n"
        "fill()\n"
        "threading.Thread(target=log.flush, daemon=True).start()\n"
        "while log._waiting: time.sleep(0.01)\n"
        "fill(); fill(); log.flush()\n"
        "print(log.take_drops())\n"
        "begun = time.monotonic(); log.close()\n"
        "print(1.5 < time.monotonic() - begun, flush=True)\n"
        "os._exit(0)"
    )
    reading, writing = os.pipe()
    # Nobody ever reads, so what waited for the reader would still wait when the time is up.
    command = with_lines(program)
    done = subprocess.run(command, stderr=writing, stdout=subprocess.PIPE, text=True, check=True, timeout=120)
    os.close(reading)
    os.close(writing)
    assert done.stdout == "1000\nTrue\n"
