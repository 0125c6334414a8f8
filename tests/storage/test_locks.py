"""Locks between real processes: one at work at a time, and a killed one is in nobody's way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slipway.errors import BusyError, RolloutError, StorageError
from slipway.storage.locks import claim_slot, exclusive_lock, hold_lock, is_held, lock_holder

AT_WORK = """
import sys
from pathlib import Path
from slipway.errors import BusyError
from slipway.storage.locks import exclusive_lock
with exclusive_lock(Path(sys.argv[1]), "a test", busy_error=BusyError):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock until its input ends or it is killed."""
    command = [sys.executable, "-c", AT_WORK, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdin
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def is_busy(path: Path) -> bool:
    try:
        with exclusive_lock(path, "a test", busy_error=BusyError, timeout=0):
            return False
    except BusyError:
        return True


def fail_at_work(path: Path) -> None:
    with exclusive_lock(path, "a test", busy_error=BusyError):
        assert is_busy(path)
        raise RolloutError("the work failed")


def test_the_second_is_told_who_is_at_work(tmp_path: Path) -> None:
    with another_process(tmp_path / "lock") as process:
        assert lock_holder(tmp_path / "lock") == f"process {process.pid} of a test"
        with (
            pytest.raises(BusyError, match=f"^not now: process {process.pid} of a test$"),
            exclusive_lock(tmp_path / "lock", "too late", busy_error=lambda by: BusyError(f"not now: {by}")),
        ):
            pytest.fail("two were at work")


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    with another_process(tmp_path / "lock") as process:
        process.kill()
        process.wait()
        assert lock_holder(tmp_path / "lock") is None
        assert not is_busy(tmp_path / "lock")


def test_a_lock_is_free_again_after_its_block_also_when_that_failed(tmp_path: Path) -> None:
    with pytest.raises(RolloutError):
        fail_at_work(tmp_path / "lock")
    assert not is_busy(tmp_path / "lock")


def test_one_who_is_patient_gets_the_lock_when_the_other_lets_go(tmp_path: Path) -> None:
    with another_process(tmp_path / "lock") as process:
        assert process.stdin
        process.stdin.close()
        with exclusive_lock(tmp_path / "lock", "a test", busy_error=BusyError, timeout=30):
            assert lock_holder(tmp_path / "lock") == f"process {os.getpid()} of a test"


def test_the_folder_of_a_lock_is_made(tmp_path: Path) -> None:
    with exclusive_lock(tmp_path / "new" / "folder" / "lock", "a test", busy_error=BusyError):
        assert is_held(tmp_path / "new" / "folder" / "lock")


def test_a_place_that_cannot_be_written_is_named_by_the_error_and_nothing_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = f"^{tmp_path / 'file'} cannot be written: File exists; nothing was changed$"
    with (
        pytest.raises(StorageError, match=told),
        exclusive_lock(tmp_path / "file" / "lock", "a test", busy_error=BusyError),
    ):
        pytest.fail("it ran without its lock")


def test_a_caller_may_say_in_its_own_words_that_a_place_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with (
        pytest.raises(RolloutError, match="^Is a directory$"),
        exclusive_lock(
            tmp_path / "lock", "", busy_error=BusyError, unwritable_error=lambda error: RolloutError(error.strerror)
        ),
    ):
        pytest.fail("it ran without its lock")


def test_a_lock_that_is_held_for_life_ends_with_its_descriptor(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "lock")
    descriptor = hold_lock(tmp_path / "lock")
    assert is_held(tmp_path / "lock")
    os.close(descriptor)
    assert not is_held(tmp_path / "lock")


def test_each_worker_gets_the_lowest_number_that_is_free(tmp_path: Path) -> None:
    (first, one), (second, two) = (claim_slot(tmp_path, "worker-{}.lock") for _ in range(2))
    assert (first, second) == (0, 1)
    one.close()
    number, again = claim_slot(tmp_path, "worker-{}.lock")
    assert number == 0
    again.close()
    two.close()
