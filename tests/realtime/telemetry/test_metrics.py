"""One answer to Prometheus tells what all workers did, the killed ones too."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from slipway.realtime.telemetry.counters_folder import counters_folder
from slipway.realtime.telemetry.metrics import BUCKETS, CONTENT_TYPE, Metrics
from slipway.realtime.telemetry.shared_counters import SharedCounters
from tests.support.eventually import eventually

ROUTES = ("/invocations", "/ping")
_fork = multiprocessing.get_context("fork")
Work = Callable[[Metrics], None]


class WorkerProcess:
    """A process of its own with its own metrics, which waits after its work until it is told to end."""

    def __init__(self, folder: Path, work: Work) -> None:
        self._ours, theirs = _fork.Pipe()
        self.process = _fork.Process(target=_work, args=(folder, work, theirs), daemon=True)
        self.process.start()
        self._ours.recv()

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def end(self) -> None:
        self._ours.send("end")
        self.process.join()


def _work(folder: Path, work: Work, theirs: Connection) -> None:
    metrics = Metrics(folder, ROUTES)
    work(metrics)
    theirs.send("done")
    theirs.recv()
    os._exit(0)


@contextmanager
def worker(folder: Path, work: Work) -> Iterator[WorkerProcess]:
    process = WorkerProcess(folder, work)
    yield process
    process.kill()


def told(metrics: Metrics) -> dict[str, float]:
    """Every sample of an exposition, by its name and labels as Prometheus's own parser reads them."""
    families = text_string_to_metric_families(metrics.expose().decode())
    samples = [sample for family in families for sample in family.samples]
    return {
        " ".join([s.name, *(f"{name}={value}" for name, value in sorted(s.labels.items()))]): s.value for s in samples
    }


def three_answers(metrics: Metrics) -> None:
    for _ in range(3):
        metrics.count_response("/invocations", 200, 0.0002, 5)
    metrics.set_queue_length(7)
    metrics.set_release("1.0.0", "a" * 64)


def a_refusal(metrics: Metrics) -> None:
    metrics.count_response("/invocations", 400, 0.3, 0)
    metrics.count_response("/wp-admin", 404, 0.0001, 0)
    metrics.set_queue_length(1)
    metrics.set_release("2.0.0", "b" * 64)


def test_every_worker_is_counted_whoever_is_asked(tmp_path: Path) -> None:
    with worker(tmp_path, three_answers), worker(tmp_path, a_refusal):
        found = told(Metrics(tmp_path, ROUTES))
    assert found["slipway_requests_total code=200 route=/invocations"] == 3
    assert found["slipway_requests_total code=400 route=/invocations"] == 1
    assert found["slipway_rows_total"] == 15
    assert found["slipway_queue_requests"] == 8
    assert found["slipway_workers"] == found["slipway_worker_starts_total"] == 3
    assert found[f"slipway_model_info digest={'a' * 64} release=1.0.0"] == 1


def test_of_a_worker_that_was_killed_the_counts_stay_and_the_gauges_go(tmp_path: Path) -> None:
    with worker(tmp_path, three_answers) as killed, worker(tmp_path, a_refusal):
        killed.kill()
        found = told(Metrics(tmp_path, ROUTES))
    assert found["slipway_requests_total code=200 route=/invocations"] == 3
    assert found["slipway_request_seconds_count route=/invocations"] == 4
    assert found["slipway_queue_requests"] == 1
    assert [name for name in found if "slipway_model_info" in name] == [
        f"slipway_model_info digest={'b' * 64} release=2.0.0"
    ]


def test_a_worker_in_the_place_of_a_dead_one_counts_on_in_the_same_file(tmp_path: Path) -> None:
    for _ in range(4):
        with worker(tmp_path, three_answers) as process:
            process.kill()
    with worker(tmp_path, three_answers) as process:
        process.end()
    found = told(Metrics(tmp_path, ROUTES))
    assert [path.name for path in tmp_path.iterdir()] == ["worker-0.cells"]
    assert found["slipway_requests_total code=200 route=/invocations"] == 15
    assert found["slipway_worker_starts_total"] == 6
    assert found["slipway_workers"] == 1
    assert found["slipway_queue_requests"] == 0
    assert [name for name in found if "slipway_model_info" in name] == []


def test_two_workers_that_start_at_once_never_share_a_file(tmp_path: Path) -> None:
    held = [SharedCounters(tmp_path, 4) for _ in range(3)]
    for cells in held:
        cells.numbers[0] += 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"worker-{n}.cells" for n in range(3)]
    assert [written.numbers[0] for written in held[0].read_all()] == [1, 1, 1]


def test_after_a_swap_the_old_release_is_gone(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path, ROUTES)
    metrics.set_release("1.0.0", "a" * 64)
    metrics.set_release("2.0.0", "b" * 64)
    metrics.count_swap(ok=True)
    metrics.count_swap(ok=False)
    metrics.count_swap(ok=False)
    found = told(metrics)
    assert [name for name in found if "model_info" in name] == [f"slipway_model_info digest={'b' * 64} release=2.0.0"]
    assert (found["slipway_swaps_total outcome=ok"], found["slipway_swaps_total outcome=failed"]) == (1, 2)


def test_the_histogram_counts_up_and_a_bound_belongs_to_its_bucket(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path, ROUTES)
    for seconds in (0.00025, 0.00026, 10.0, 11.0):
        metrics.count_response("/ping", 200, seconds, 0)
    found = told(metrics)
    buckets = [found[f"slipway_request_seconds_bucket le={bound} route=/ping"] for bound in (*BUCKETS, "+Inf")]
    assert buckets == [1, *[2] * 13, 3, 4]
    assert found["slipway_request_seconds_sum route=/ping"] == pytest.approx(21.00051)


def test_callers_cannot_make_new_series(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path, ROUTES)
    for number in range(1000):
        metrics.count_response(f"/{number}", 404, 0.001, 0)
    assert told(metrics)["slipway_requests_total code=404 route=other"] == 1000
    assert metrics.expose().count(b"slipway_requests_total{") == 1


def test_lines_that_a_log_dropped_are_told_for_each_log(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path, ROUTES)
    metrics.count_drops(2, "access")
    metrics.count_drops(3, "prediction")
    found = told(metrics)
    assert found["slipway_access_log_dropped_total"] == 2
    assert found["slipway_prediction_log_dropped_total"] == 3


def test_without_a_folder_a_worker_tells_of_itself() -> None:
    metrics = Metrics(None, ROUTES)
    three_answers(metrics)
    assert told(metrics)["slipway_requests_total code=200 route=/invocations"] == 3
    assert told(metrics)["slipway_workers"] == 1


def test_a_release_with_a_very_long_name_is_cut(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path, ROUTES)
    metrics.set_release("1.0.0-" + "x" * 5000, "a" * 64)
    assert f"slipway_model_info digest={'a' * 64} release=1.0.0-{'x' * 122}" in told(metrics)


def test_a_text_that_does_not_fit_is_refused_and_the_one_before_stays() -> None:
    cells = SharedCounters(None, 1)
    cells.set_text("before")
    with pytest.raises(ValueError, match="a worker's text has 1024 bytes, but 1023 is the limit"):
        cells.set_text("x" * 1024)
    assert [written.text for written in cells.read_all()] == ["before"]


def test_the_folder_is_gone_when_the_server_is() -> None:
    with counters_folder() as folder:
        Metrics(folder, ROUTES)
        assert folder.is_dir()
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_the_folder_of_a_server_that_was_killed_is_removed_by_the_next_and_that_of_a_living_one_is_not() -> None:
    def serve(ours: Connection) -> None:
        with counters_folder() as folder:
            ours.send(folder)
            ours.recv()

    servers = [_fork.Pipe() for _ in range(2)]
    processes = [_fork.Process(target=serve, args=(theirs,), daemon=True) for _, theirs in servers]
    for process in processes:
        process.start()
    killed, living = (ours.recv() for ours, _ in servers)
    processes[0].kill()
    processes[0].join()
    for folder in (killed, living):
        os.utime(folder / "server.lock", (0, 0))
    with counters_folder():
        assert (killed.exists(), living.exists()) == (False, True)
    servers[1][0].send("end")
    processes[1].join()
    assert not living.exists()


def test_a_scrape_beside_a_busy_worker_never_goes_backwards(tmp_path: Path) -> None:
    def count_for_ever(metrics: Metrics) -> None:
        def count() -> None:
            while True:
                metrics.count_response("/invocations", 200, 0.001, 1)

        threading.Thread(target=count, daemon=True).start()

    metrics, seen = Metrics(tmp_path, ROUTES), [0.0]

    def grew() -> bool:
        seen.append(told(metrics).get("slipway_rows_total", 0))
        return seen[-1] > 10_000

    with worker(tmp_path, count_for_ever):
        assert eventually(grew)
    assert seen == sorted(seen)


def test_the_content_type_is_the_one_that_prometheus_client_gives_this_format() -> None:
    from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

    assert CONTENT_TYPE == CONTENT_TYPE_PLAIN_0_0_4


def test_a_start_does_not_wait_for_prometheus_client() -> None:
    code = (
        "import sys, slipway.realtime.telemetry.metrics; print([m for m in sys.modules if m.startswith('prometheus')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
