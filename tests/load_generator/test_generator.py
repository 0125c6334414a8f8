"""The load generator tells the delay that a caller sees, and every answer that is wrong, refused or lost."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.load_generator.apart import begun, result_of
from tests.load_generator.generator import generate
from tests.load_generator.load import Load, Question
from tests.load_generator.result import Result
from tests.load_generator.stalling import Behaviour, served

QUESTIONS = (Question(b'{"inputs": [1]}', {"1.0.0": [1.0]}),)
STRICT = os.environ.get("SLIPWAY_STRICT_TIMES") == "1"


def asked(behaviour: Behaviour, seconds: float = 1.0, **load: Any) -> Result:
    """The result of a load on a server with this behaviour, from a process of its own."""
    with served(behaviour) as port:
        return result_of(Load(port, QUESTIONS, seconds, **load))


def answer(status: str, headers: str = "", body: bytes = b"{}") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body


@pytest.fixture
def echo() -> Iterator[int]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.load_generator.echo"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        yield int(process.stdout.readline())
        process.kill()


def test_the_delay_of_the_server_is_the_latency() -> None:
    result = asked(Behaviour(delay=0.05), rate=100)
    assert result.by_status == {200: result.sent}
    assert result.latencies.min() >= 0.05


def test_a_stall_is_in_the_latency_of_everything_that_arrived_meanwhile() -> None:
    result = asked(Behaviour(stall=0.3, stall_at=100), rate=400)
    assert result.percentile(100) >= 0.25
    # Those of the first 200 ms of the stall waited for 100 ms and more: 80 of them on average, by chance fewer.
    assert (result.latencies > 0.1).sum() > 40


def test_a_closed_loop_hides_the_stall_from_all_but_one() -> None:
    result = asked(Behaviour(delay=0.001, stall=0.3, stall_at=100), connections=1)
    assert result.by_status == {200: result.sent}
    assert result.sent > 100
    assert sorted(result.latencies)[-1] >= 0.3
    assert result.percentile(99) < 0.3


def test_a_request_waits_for_a_connection_with_its_clock_running() -> None:
    result = asked(Behaviour(delay=0.1), seconds=0.5, rate=40, connections=1)
    assert result.by_status == {200: result.sent}
    assert result.percentile(100) > 0.3
    assert all(outcome.ended - outcome.sent < 0.3 for outcome in result.outcomes)


def test_connections_are_opened_when_all_are_busy_and_never_more_than_allowed() -> None:
    one, many = (asked(Behaviour(delay=0.1), connections=connections) for connections in (1, 8))
    assert one.sent <= 11
    assert one.sent * 4 < many.sent <= 88


def test_arrivals_are_random_with_the_rate_asked_for_and_the_same_for_the_same_seed() -> None:
    times = Load(1, QUESTIONS, 100, rate=100).arrivals()
    gaps = np.diff(times)
    assert len(times) == pytest.approx(10_000, rel=0.05)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.1)
    assert Load(1, QUESTIONS, 100, rate=100).arrivals() == times
    assert Load(1, QUESTIONS, 100, rate=100, seed=1).arrivals() != times


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (answer("200 OK", "x-model-version: 1.0.0\r\n", b'{"predictions": [1.1]}'), "wrong answer"),
        (answer("200 OK", "x-model-version: 1.0.0\r\n", b'{"predictions": [1.0, 1.0]}'), "wrong answer"),
        (answer("200 OK", "X-Model-Version: 2.0.0\r\n", b'{"predictions": [1.0]}'), "unknown release '2.0.0'"),
        (answer("200 OK", "", b'{"predictions": [1.0]}'), "unknown release ''"),
        (answer("503 Service Unavailable"), "503 without Retry-After"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "without a length"),
    ],
)
def test_an_answer_that_is_not_right_is_a_problem(sent: bytes, problem: str) -> None:
    result = asked(Behaviour(answer=sent), seconds=0.2, rate=50)
    assert result.problems == {problem: result.sent}
    assert result.goodput == 0


def test_a_refusal_that_says_when_to_come_back_is_no_problem_and_no_good_answer() -> None:
    result = asked(Behaviour(answer=answer("503 Service Unavailable", "Retry-After: 1\r\n")), seconds=0.2, rate=50)
    assert (result.by_status, result.problems, result.goodput) == ({503: result.sent}, {}, 0)


def test_numbers_count_and_not_how_they_are_written() -> None:
    result = asked(Behaviour(answer=answer("200 OK", "x-model-version: 1.0.0\r\n", b'{"predictions":[1]}')), rate=50)
    assert (result.by_status, result.problems) == ({200: result.sent}, {})


def test_half_an_answer_is_a_failure_and_the_next_request_gets_another_connection() -> None:
    result = asked(Behaviour(hang_up_every=10), rate=200)
    lost = result.problems["incomplete"]
    assert lost == len(result.failed) == result.sent // 10
    assert result.by_status == {200: result.sent - lost}


def test_where_nobody_listens_every_request_is_refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        result = generate(Load(free.getsockname()[1], QUESTIONS, 0.2, rate=50))
    assert result.problems == {"refused": result.sent}


def test_patience_ends_and_what_was_not_answered_then_is_counted() -> None:
    result = asked(Behaviour(delay=5), seconds=0.2, rate=50, connections=2, patience=0.3)
    assert result.problems == {"no answer": 2, "not sent": result.sent - 2}


def test_a_generator_that_fell_behind_says_so() -> None:
    due = [float(number) for number in range(100)]
    behind = [time + (0.1 if number < 5 else 0) for number, time in enumerate(due)]
    assert (Result(due, due, [], 0).late, Result(due, due, [], 0).is_valid) == (0, True)
    assert (Result(due, behind, [], 0).late, Result(due, behind, [], 0).is_valid) == (5, False)


def test_ten_thousand_requests_a_second_are_sent_and_answered(echo: int) -> None:
    result = result_of(Load(echo, QUESTIONS, 2, rate=10_000))
    assert result.by_status == {200: result.sent}
    assert result.sent == pytest.approx(20_000, rel=0.05)
    assert result.is_valid or not STRICT, result.summary()


def test_times_compare_with_those_of_the_process_that_asked_for_the_load(echo: int) -> None:
    before = time.monotonic()
    with begun(Load(echo, QUESTIONS, 0.2, rate=100)) as running:
        result = running.result()
    assert before < result.due[0] < max(outcome.ended for outcome in result.outcomes) < time.monotonic()
