"""The server follows `current`: every answer is wholly one release's, and every worker says what it serves."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from slipway.bundle.release_file import GoldenRows, decode_golden, verify
from slipway.target.readiness import (
    acknowledgements,
    check_golden_response,
    live_servers,
    remove_dead_servers,
    wait_for_workers,
)
from tests.support.bundles import GOLDEN, answers, flip, make_bundle, release_of, seal
from tests.support.eventually import eventually
from tests.support.running_server import JSON, Running, exchange, running

BODY = json.dumps({"inputs": GOLDEN}).encode()
BIASES = {"1.0.0": 0.0, "2.0.0": 1.5}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    for version, bias in BIASES.items():
        make_bundle(tmp_path / "releases", version, bias=bias)
    flip(tmp_path, release_of(tmp_path, "1.0.0"))
    return tmp_path


@pytest.fixture
def server(target: Path) -> Iterator[Running]:
    with running(target=target) as server:
        # Both workers must hold 1.0.0 before a test changes what `current` names.
        assert wait_for_workers(target, verify(release_of(target, "1.0.0")).digest, 60) == []
        yield server


def move(target: Path, version: str) -> list[str]:
    bundle = release_of(target, version)
    flip(target, bundle)
    return wait_for_workers(target, verify(bundle).digest, 60)


class Caller(threading.Thread):
    """Asks without a pause on one connection, and notes the releases seen and every answer that was not whole."""

    def __init__(self, server: Running) -> None:
        super().__init__()
        self.server = server
        self.seen: list[str] = []
        self.wrong: list[str] = []
        self.over = threading.Event()

    def run(self) -> None:
        connection = self.server.connect()
        while not self.over.is_set():
            try:
                answer = exchange(connection, "POST", "/invocations", BODY, JSON)
            except OSError as error:
                self.wrong.append(repr(error))
                return
            version = answer.release or ""
            self.seen.append(version)
            if answer.status != 200 or not np.allclose(
                answer.json["predictions"], answers(GOLDEN, bias=BIASES[version]), rtol=1e-12
            ):
                self.wrong.append(f"{answer.status} {version} {answer.body!r}")


def test_under_load_a_flip_loses_no_answer_and_mixes_none(target: Path, server: Running) -> None:
    callers = [Caller(server) for _ in range(4)]
    for caller in callers:
        caller.start()
    for version in ("2.0.0", "1.0.0") * 3:
        assert move(target, version) == []
    for caller in callers:
        caller.over.set()
        caller.join()
    assert [wrong for caller in callers for wrong in caller.wrong] == []
    assert {version for caller in callers for version in caller.seen} == set(BIASES)


def test_once_acknowledged_every_answer_is_the_new_releases(target: Path, server: Running) -> None:
    assert server.ask("GET", "/ping").release == "1.0.0"
    assert move(target, "2.0.0") == []
    assert {server.ask("GET", "/ping").release for _ in range(30)} == {"2.0.0"}


def test_a_tampered_bundle_is_never_served_and_the_refusal_is_acknowledged(target: Path, server: Running) -> None:
    bundle = release_of(target, "2.0.0")
    digest = verify(bundle).digest
    (bundle / "model.onnx").write_bytes(b"tampered")
    flip(target, bundle)
    problems = wait_for_workers(target, digest, 60)
    assert problems
    assert all(f"could not load {bundle.name}" in p and "'model.onnx'" in p and "has changed" in p for p in problems)
    assert {server.ask("GET", "/ping").release for _ in range(10)} == {"1.0.0"}
    assert move(target, "1.0.0") == []
    assert [said.error for s in live_servers(target) for said in acknowledgements(target, s)] == [None, None]


def test_a_bundle_that_misses_its_golden_rows_is_never_served(target: Path, server: Running) -> None:
    wrong = make_bundle(target / "releases", "3.0.0", golden=answers(GOLDEN) + 0.01)
    assert any("golden" in problem for problem in move(target, wrong.name.partition("-")[0]))
    assert server.ask("GET", "/ping").release == "1.0.0"


def test_a_bundle_whose_folder_names_another_digest_is_never_served(target: Path, server: Running) -> None:
    bundle = release_of(target, "2.0.0")
    digest = verify(bundle).digest
    (bundle / "notes" / "MLmodel").write_text("forged")
    seal(bundle, "2.0.0")
    flip(target, bundle)
    assert any("expected a sha256" in problem for problem in wait_for_workers(target, digest, 60))


def test_a_server_without_a_good_bundle_is_unhealthy_until_it_gets_one(tmp_path: Path) -> None:
    wrong = make_bundle(tmp_path / "releases", "1.0.0", golden=answers(GOLDEN) + 0.01)
    make_bundle(tmp_path / "releases", "2.0.0")
    flip(tmp_path, wrong)
    with running(target=tmp_path) as server:
        health, answer = server.ask("GET", "/health"), server.post({"inputs": GOLDEN})
        assert (health.status, answer.status) == (503, 503)
        assert "golden" in answer.json["message"]
        assert move(tmp_path, "2.0.0") == []
        assert server.ask("GET", "/health").status == 200


def test_the_golden_rows_are_asked_over_http(target: Path, server: Running) -> None:
    (known,) = live_servers(target)
    golden = decode_golden((release_of(target, "1.0.0") / "golden.json").read_bytes(), "golden.json")
    other = GoldenRows(golden.inputs, [[1.0, 0.0, 0.0]] * 5)
    assert check_golden_response(target, known, golden, "1.0.0") == []
    assert "serves release 1.0.0, expected 2.0.0" in check_golden_response(target, known, golden, "2.0.0")[0]
    assert (
        "does not reproduce the golden predictions: row 0: expected"
        in check_golden_response(target, known, other, "1.0.0")[0]
    )
    server.stop()
    assert "did not respond" in check_golden_response(target, known, golden, "1.0.0")[0]


def test_a_killed_worker_is_replaced_by_one_that_serves_what_is_current(target: Path, server: Running) -> None:
    (known,) = live_servers(target)
    victim = acknowledgements(target, known)[0].pid
    os.kill(victim, signal.SIGKILL)
    assert eventually(lambda: victim not in [said.pid for said in acknowledgements(target, known)])
    assert move(target, "2.0.0") == []
    assert server.post({"inputs": GOLDEN}).release == "2.0.0"


def test_a_lagging_worker_is_named(target: Path, server: Running) -> None:
    (known,) = live_servers(target)
    pids = [said.pid for said in acknowledgements(target, known)]
    os.kill(pids[0], signal.SIGSTOP)
    try:
        bundle = release_of(target, "2.0.0")
        flip(target, bundle)
        assert eventually(lambda: {s.release for s in acknowledgements(target, known) if s.pid != pids[0]} == {"2.0.0"})
        problems = wait_for_workers(target, verify(bundle).digest, 1.0)
    finally:
        os.kill(pids[0], signal.SIGCONT)
    assert len(problems) == 1
    assert f"worker {pids[0]} of {known} serves 1.0.0" in problems[0]


def test_a_clean_stop_leaves_nothing_behind(target: Path, server: Running) -> None:
    assert len(live_servers(target)) == 1
    assert server.stop(signal.SIGINT) == 0
    assert list((target / "servers").iterdir()) == []


def test_after_a_kill_no_worker_serves_on_and_the_dead_server_is_forgotten(target: Path, server: Running) -> None:
    (known,) = live_servers(target)
    pids = [said.pid for said in acknowledgements(target, known)]
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    assert eventually(lambda: not any(_runs(pid) for pid in pids))
    assert eventually(lambda: live_servers(target) == [])
    assert wait_for_workers(target, "0" * 64, 1) == []
    assert len(list((target / "servers").iterdir())) == 1
    remove_dead_servers(target)
    assert list((target / "servers").iterdir()) == []


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
