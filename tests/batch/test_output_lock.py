"""The lock of a job on OUT keeps a second job out and leaves no file behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.batch.output.location import output_lock
from slipway.errors import BusyError
from slipway.storage import locks

HOLD = """
import sys
from pathlib import Path
from slipway.batch.output.location import output_lock
with output_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
COUNT = """
import sys
from pathlib import Path
from slipway.batch.output.location import output_lock
from slipway.errors import BusyError
out, counter, left = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
while left:
    try:
        with output_lock(out):
            # Not atomic on purpose: two processes inside at the same time would lose a count.
            counter.write_text(str(int(counter.read_text()) + 1))
            left -= 1
    except BusyError:
        pass
"""


def test_the_lock_file_is_gone_after_the_job_also_when_it_failed(tmp_path: Path) -> None:
    with output_lock(tmp_path / "out"):
        assert (tmp_path / ".out.lock").exists()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ZeroDivisionError), output_lock(tmp_path / "out"):
        _ = 1 // 0
    assert list(tmp_path.iterdir()) == []


def test_a_second_job_is_refused_and_does_not_remove_the_lock_of_the_first(tmp_path: Path) -> None:
    with output_lock(tmp_path / "out"):
        for _ in range(2):
            with pytest.raises(BusyError, match=f"process {os.getpid()} of slipway batch is writing to"):
                output_lock(tmp_path / "out").__enter__()
    assert list(tmp_path.iterdir()) == []


def test_the_lock_file_of_a_killed_job_holds_nobody_up_and_the_next_job_removes_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "out")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout and job.stdout.readline() == "held\n"
        job.send_signal(signal.SIGKILL)
        job.wait()
    assert [path.name for path in tmp_path.iterdir()] == [".out.lock"]
    with output_lock(tmp_path / "out"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_file_removed_between_open_and_lock_is_not_taken_for_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquire, other = locks._acquire, list[int]()

    def acquire_late(descriptor: int, timeout: float) -> bool:
        if not other:
            # The first holder removes its file and ends, and a third process locks a new one.
            (tmp_path / ".out.lock").unlink()
            other.append(locks.hold_lock(tmp_path / ".out.lock"))
        return acquire(descriptor, timeout)

    monkeypatch.setattr(locks, "_acquire", acquire_late)
    with pytest.raises(BusyError, match="is writing to"):
        output_lock(tmp_path / "out").__enter__()
    os.close(other[0])
    with output_lock(tmp_path / "out"):
        assert locks.is_held(tmp_path / ".out.lock")


def test_of_many_jobs_at_once_only_one_is_at_work(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")
    command = [sys.executable, "-c", COUNT, str(tmp_path / "out"), str(tmp_path / "counter"), "100"]
    jobs = [subprocess.Popen(command) for _ in range(3)]
    assert [job.wait(60) for job in jobs] == [0, 0, 0]
    assert (tmp_path / "counter").read_text() == "300"
    assert [path.name for path in tmp_path.iterdir()] == ["counter"]
