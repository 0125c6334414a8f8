"""Under load, with releases that come and go and workers that are killed: every answer is what its release says.

``SLIPWAY_SOAK_SECONDS``, ``SLIPWAY_SOAK_SWAPS`` and ``SLIPWAY_SOAK_KILL_EVERY`` (seconds) make it longer.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from slipway.bundle.release_file import verify
from slipway.target.readiness import acknowledgements, live_servers, wait_for_workers
from tests.load_generator.apart import begun
from tests.load_generator.load import Load, Question
from tests.load_generator.result import Outcome, Result
from tests.support.bundles import GOLDEN, answers, flip, make_bundle
from tests.support.eventually import eventually
from tests.support.running_server import running

SECONDS = float(os.environ.get("SLIPWAY_SOAK_SECONDS", "8"))
SWAPS = int(os.environ.get("SLIPWAY_SOAK_SWAPS", "4"))
KILL_EVERY = float(os.environ.get("SLIPWAY_SOAK_KILL_EVERY", "3"))
RATE = 500.0
CONNECTIONS = 16
WORKERS = 2
BIASES = {"1.0.0": 0.0, "2.0.0": 1.5}
IN_A_KILLED_HAND = {"reset", "closed", "incomplete"}
UNNOTICED = 0.1
"""Seconds that a caller may take to see that the other end of its connection is gone."""
QUESTIONS = tuple(
    Question(
        json.dumps({"inputs": {name: [values[row]] for name, values in GOLDEN.items()}}).encode(),
        {version: [answers(GOLDEN, bias=bias)[row].tolist()] for version, bias in BIASES.items()},
    )
    for row in range(len(GOLDEN["distance"]))
)


@dataclass(frozen=True, slots=True)
class Kill:
    """A worker's end: when it was killed, and when it was gone."""

    at: float
    gone: float

    def met(self, outcome: Outcome, later: float = 0.0) -> bool:
        """Was this request under way meanwhile?"""
        return outcome.sent <= self.gone + later and outcome.ended >= self.at


@dataclass(frozen=True, slots=True)
class Soaked:
    result: Result
    kills: list[Kill]
    unsettled: list[str]


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory) -> Soaked:
    target = tmp_path_factory.mktemp("target")
    bundles = [make_bundle(target / "releases", version, bias=bias) for version, bias in BIASES.items()]
    flip(target, bundles[0])
    with running(target=target, workers=WORKERS) as server:
        assert wait_for_workers(target, verify(bundles[0]).digest, 60) == []
        with begun(Load(server.port, QUESTIONS, SECONDS, RATE, connections=CONNECTIONS)) as load:
            kills, last = disturb(target, bundles)
            result = load.result()
        return Soaked(result, kills, wait_for_workers(target, verify(last).digest, 60))


def disturb(target: Path, bundles: list[Path]) -> tuple[list[Kill], Path]:
    """Swap the champion and kill workers, each at its own pace; returns the kills and the last champion."""
    began, kills, champion = time.monotonic(), list[Kill](), bundles[0]
    swaps = [((number + 1) * SECONDS / (SWAPS + 1), bundles[(number + 1) % 2]) for number in range(SWAPS)]
    times = itertools.takewhile(lambda at: at < SECONDS - 0.5, itertools.count(KILL_EVERY / 2, KILL_EVERY))
    for at, bundle in sorted([*swaps, *((at, None) for at in times)], key=lambda event: event[0]):
        time.sleep(max(0.0, began + at - time.monotonic()))
        if bundle is None:
            kills.append(kill_worker(target))
        else:
            flip(target, champion := bundle)
    return kills, champion


def workers(target: Path) -> list[int]:
    return [said.pid for server in live_servers(target) for said in acknowledgements(target, server)]


def kill_worker(target: Path) -> Kill:
    """Kill one, once there is another to answer."""
    assert eventually(lambda: len(workers(target)) == WORKERS), "a killed worker did not come back"
    worker, at = workers(target)[0], time.monotonic()
    os.kill(worker, signal.SIGKILL)
    # Its sockets close with its lock; as a process it counts as dead a moment before its last thread is.
    assert eventually(lambda: worker not in workers(target))
    return Kill(at, time.monotonic())


def test_no_answer_is_wrong_or_mixed_and_none_is_refused(soaked: Soaked) -> None:
    result = soaked.result
    assert set(result.problems) <= IN_A_KILLED_HAND, result.summary()
    assert set(result.by_status) == {200}, result.summary()
    assert len(result.outcomes) == result.sent


def test_only_what_a_killed_worker_had_in_hand_is_lost(soaked: Soaked) -> None:
    result, kills = soaked.result, soaked.kills
    print(f"{len(result.failed)} of {result.sent} lost in {len(kills)} kills")
    assert kills
    for kill in kills:
        lost = [outcome for outcome in result.failed if kill.met(outcome, UNNOTICED)]
        in_flight = sum(kill.met(outcome) for outcome in result.outcomes)
        # A connection can meet the same worker again while its socket closes, which takes a busy machine a while.
        assert len(lost) <= in_flight, result.summary()
    assert [lost for lost in result.failed if not any(kill.met(lost, UNNOTICED) for kill in kills)] == []


def test_in_the_end_every_worker_serves_the_champion(soaked: Soaked) -> None:
    assert soaked.unsettled == []
