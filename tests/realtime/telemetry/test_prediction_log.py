"""The prediction log keeps a sample of requests whole, and gives up lines rather than time."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slipway.errors import StorageError
from slipway.inference.engines import Columns, Predictions
from slipway.inference.scorer import Scorer, columns_of, load
from slipway.realtime.protocols.messages import LoggedCall
from slipway.realtime.telemetry import prediction_logger
from slipway.realtime.telemetry.prediction_logger import PredictionLog, check_writable
from slipway.tables.prediction_log import MAX_ROWS, LoggedPrediction, read_predictions
from tests.support.bundles import GOLDEN, answers, labels, make_bundle
from tests.support.eventually import eventually
from tests.support.failing_writes import largest_file

_fork = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return load(make_bundle(tmp_path_factory.mktemp("bundles")))


def asked(log: PredictionLog, scorer: Scorer, rows: dict[str, list[Any]], name: str = "r1") -> None:
    columns = columns_of(rows, scorer.contract)
    log.offer(scorer, told(columns, scorer.predict(columns)), name)


def told(columns: Columns, made: Predictions) -> LoggedCall:
    return LoggedCall(lambda: columns, made, sum(values.nbytes for values in columns.values()))


def logged(folder: Path) -> list[LoggedPrediction]:
    return list(read_predictions(folder))


def one_row(number: int) -> dict[str, list[Any]]:
    return {"distance": [float(number)], "carrier": ["AA"]}


@contextmanager
def worker(work: Callable[[], None]) -> Iterator[multiprocessing.process.BaseProcess]:
    """A process that has done its work and lives on until the block ends, or it is killed."""
    ours, theirs = _fork.Pipe()

    def run() -> None:
        work()
        theirs.send("done")
        theirs.recv()

    process = _fork.Process(target=run, daemon=True)
    process.start()
    theirs.close()
    ours.recv()
    yield process
    process.kill()
    process.join()


def test_a_logged_request_says_what_came_and_what_was_answered(tmp_path: Path, scorer: Scorer) -> None:
    log = PredictionLog(tmp_path, 1)
    asked(log, scorer, GOLDEN, "abc")
    log.close()
    (found,) = logged(tmp_path)
    assert (found.release, found.digest, found.request_id) == ("1.2.3", scorer.bundle.digest[:12], "abc")
    assert found.time.utcoffset() is not None
    assert (found.rows, found.inputs) == (5, GOLDEN)
    np.testing.assert_allclose(np.array(found.predictions, dtype=float), answers(GOLDEN))
    assert found.labels == labels(answers(GOLDEN))
    assert log.take_drops() == 0


def test_a_column_that_was_left_out_is_logged_as_nulls(tmp_path: Path, scorer: Scorer) -> None:
    log = PredictionLog(tmp_path, 1)
    asked(log, scorer, one_row(1))
    log.close()
    (found,) = logged(tmp_path)
    assert found.inputs == {"distance": [1], "seats": [None], "carrier": ["AA"], "tail": [None]}


def test_a_regression_is_logged_without_labels(tmp_path: Path) -> None:
    scorer = load(make_bundle(tmp_path / "bundles", task="regression"))
    log = PredictionLog(tmp_path / "log", 1)
    asked(log, scorer, GOLDEN)
    log.close()
    (found,) = logged(tmp_path / "log")
    np.testing.assert_allclose(np.array(found.predictions, dtype=float), answers(GOLDEN, "regression"))
    assert found.labels is None


def test_of_a_large_request_rows_from_its_whole_length_are_kept(tmp_path: Path, scorer: Scorer) -> None:
    rows = {"distance": [float(n) for n in range(1050)], "carrier": ["AA"] * 1050}
    log = PredictionLog(tmp_path, 1)
    asked(log, scorer, rows)
    log.close()
    (found,) = logged(tmp_path)
    assert found.rows == 1050
    assert found.inputs["distance"] == [float(n) for n in range(0, 1050, 11)]
    assert len(found.inputs["tail"]) == len(found.predictions) == 96 <= MAX_ROWS


def test_a_sample_is_about_as_large_as_asked(tmp_path: Path, scorer: Scorer) -> None:
    columns = columns_of(one_row(1), scorer.contract)
    made = scorer.predict(columns)
    log = PredictionLog(tmp_path, 0.05)
    for number in range(10_000):
        log.offer(scorer, told(columns, made), str(number))
    log.close()
    # Six standard deviations.
    assert 370 < len(logged(tmp_path)) + log.take_drops() < 630


def test_nothing_is_kept_of_a_sample_of_zero_or_a_request_without_rows(tmp_path: Path, scorer: Scorer) -> None:
    for sample, rows in ((0, one_row(1)), (1, {"distance": [], "carrier": []})):
        log = PredictionLog(tmp_path / "log", sample)
        asked(log, scorer, rows)
        log.close()
    assert not (tmp_path / "log").exists()


def test_files_are_closed_at_their_size_and_only_so_many_are_kept(tmp_path: Path, scorer: Scorer) -> None:
    log = PredictionLog(tmp_path, 1, max_bytes=2000, max_files=3)
    for number in range(100):
        asked(log, scorer, one_row(number))
    log.close()
    files = sorted(tmp_path.glob("predictions-0-*.jsonl"))
    assert len(files) == 3
    assert all(1000 < path.stat().st_size <= 2000 for path in files[:-1])
    distances = [found.inputs["distance"][0] for found in logged(tmp_path)]
    assert distances == [float(n) for n in range(100 - len(distances), 100)]
    assert list(tmp_path.glob("*.open")) == []


def test_a_file_that_is_still_written_is_read_up_to_its_last_whole_line(tmp_path: Path, scorer: Scorer) -> None:
    log = PredictionLog(tmp_path, 1)
    asked(log, scorer, one_row(1))
    assert eventually(lambda: len(logged(tmp_path)) == 1)
    (path,) = tmp_path.glob("predictions-0-*.jsonl.open")
    with path.open("ab") as file:
        file.write(b'{"time":"2026-')
    assert len(logged(tmp_path)) == 1
    log.close()


def test_what_a_killed_worker_wrote_is_read_and_its_file_taken_over(tmp_path: Path, scorer: Scorer) -> None:
    def work() -> None:
        log = PredictionLog(tmp_path, 1)
        before = len(logged(tmp_path))
        asked(log, scorer, one_row(1))
        assert eventually(lambda: len(logged(tmp_path)) > before)

    for _ in range(3):
        with worker(work) as process:
            process.kill()
            process.join()
            (left,) = tmp_path.glob("*.open")
            with left.open("ab") as file:
                file.write(b'{"time":"2026-')
    log = PredictionLog(tmp_path, 1)
    asked(log, scorer, one_row(2))
    log.close()
    assert [found.inputs["distance"] for found in logged(tmp_path)] == [[1.0], [1.0], [1.0], [2.0]]
    assert len(list(tmp_path.glob("predictions-0-*.jsonl"))) == 4


def test_two_workers_write_files_of_their_own(tmp_path: Path, scorer: Scorer) -> None:
    logs = []

    def work() -> None:
        logs.append(PredictionLog(tmp_path, 1))
        for number in range(100):
            asked(logs[0], scorer, one_row(number))
        assert eventually(lambda: logs[0]._offers.empty())

    with worker(work), worker(work):
        assert eventually(lambda: len(logged(tmp_path)) == 200)
        names = sorted(path.name[:14] for path in tmp_path.glob("*.jsonl.open"))
    assert names == ["predictions-0-", "predictions-1-"]


def test_files_of_a_worker_that_is_gone_count_among_those_kept_but_a_living_one_keeps_its_own(
    tmp_path: Path, scorer: Scorer
) -> None:
    for worker_number in (1, 2):
        (tmp_path / f"worker-{worker_number}.lock").touch()
        for hour in range(5):
            (tmp_path / f"predictions-{worker_number}-20200101T0{hour}0000.000000Z.jsonl").touch()
    with (tmp_path / "worker-2.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        log = PredictionLog(tmp_path, 1, max_files=3)
        asked(log, scorer, one_row(1))
        log.close()
    assert len(list(tmp_path.glob("predictions-2-*"))) == 5
    assert sorted(path.name[12:26] for path in tmp_path.glob("predictions-1-*")) == ["1-20200101T030", "1-20200101T040"]


def test_a_disk_that_fills_up_leaves_no_half_line_and_the_log_goes_on(
    tmp_path: Path, scorer: Scorer, capfd: pytest.CaptureFixture[str]
) -> None:
    log = PredictionLog(tmp_path, 1)
    dropped = 0

    def write_until_dropped() -> bool:
        nonlocal dropped
        asked(log, scorer, one_row(1))
        dropped += log.take_drops()
        return dropped >= 3

    with largest_file(1000):
        assert eventually(write_until_dropped)
    assert eventually(lambda: log._offers.empty())
    asked(log, scorer, one_row(2))
    log.close()
    assert all(json.loads(line) for path in tmp_path.glob("*.jsonl") for line in path.read_text().splitlines())
    assert logged(tmp_path)[-1].inputs["distance"] == [2.0]
    assert capfd.readouterr().err.splitlines() == [
        f"worker {os.getpid()}: the prediction log in {tmp_path} cannot be written: No space left on device; "
        "lines are dropped until it can be written again",
        f"worker {os.getpid()}: the prediction log in {tmp_path} can be written again",
    ]


def test_a_log_whose_folder_was_removed_makes_it_again(tmp_path: Path, scorer: Scorer) -> None:
    folder = tmp_path / "log"
    log = PredictionLog(folder, 1)
    asked(log, scorer, one_row(1))
    assert eventually(lambda: folder.exists() and len(logged(folder)) == 1)
    folder.rename(tmp_path / "moved")
    for path in (tmp_path / "moved").iterdir():
        path.unlink()
    asked(log, scorer, one_row(2))
    log.close()
    assert [found.inputs["distance"] for found in logged(folder)] == [[2.0]]


def test_more_than_fits_into_memory_is_dropped_and_counted(tmp_path: Path, scorer: Scorer) -> None:
    log = PredictionLog(tmp_path, 1)
    columns = columns_of({"distance": [1.0], "carrier": ["AA"]}, scorer.contract)
    made = scorer.predict(columns)
    # One string of a caller may be as long as a whole body.
    log.offer(scorer, LoggedCall(lambda: columns, made, prediction_logger.MAX_WAITING_BYTES + 1), "large")
    assert log.take_drops() == 1
    log.close()
    assert logged(tmp_path) == []


def test_a_writer_that_is_stuck_does_not_hold_up_requests(tmp_path: Path, scorer: Scorer) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    log = PredictionLog(folder, 1)
    # Nobody reads this pipe, so the log's thread waits in its write for ever.
    os.mkfifo(tmp_path / "stuck")
    log._files._file = os.open(tmp_path / "stuck", os.O_RDWR)
    columns = columns_of(one_row(1), scorer.contract)
    made = scorer.predict(columns)
    for number in range(3000):
        log.offer(scorer, told(columns, made), str(number))
    assert log.take_drops() > 1000
    log.close()


def test_one_request_that_cannot_be_told_does_not_end_the_log(
    tmp_path: Path, scorer: Scorer, caplog: pytest.LogCaptureFixture
) -> None:
    log = PredictionLog(tmp_path, 1)
    columns = columns_of(one_row(1), scorer.contract)
    log.offer(scorer, told({"distance": columns["distance"]}, Predictions(np.zeros((1, 3)), None)), "broken")
    asked(log, scorer, one_row(2))
    log.close()
    assert log.take_drops() == 1
    assert "request broken could not be logged" in caplog.text
    assert [found.inputs["distance"] for found in logged(tmp_path)] == [[2.0]]


def test_a_line_of_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "predictions-0-20200101T000000.000000Z.jsonl"
    path.write_text('{"time":"2020-01-01T00:00:00Z"}\n')
    with pytest.raises(
        StorageError, match=f"line 1 of {path} is not a logged prediction: Object missing required field"
    ):
        logged(tmp_path)


def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "log"
    message = f"the prediction log {folder} cannot be written: Not a directory; nothing was started"
    with pytest.raises(StorageError, match=message):
        check_writable(folder)
    check_writable(tmp_path / "a" / "log")
    assert list((tmp_path / "a" / "log").iterdir()) == []
