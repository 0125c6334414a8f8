"""What is asked, how often, and what would be right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.load_generator.connection import Answer

JSON = {"content-type": "application/json"}
TOLERANCE = 1e-9
UNNAMED = ""
"""The release of an answer without `x-model-version`, as other servers give them."""


@dataclass(frozen=True)
class Question:
    """The body of a request, and the predictions that are right for it, by release; None takes any answer."""

    body: bytes
    predictions: Mapping[str, Any] | None


@dataclass(frozen=True)
class Load:
    """Requests for one port, taking turns with the questions.

    Args:
        rate: requests a second, which arrive at random (Poisson) whether or not earlier ones were answered; None is a
            closed loop, where each connection asks again as soon as it was answered.
        connections: the most that are open; a request that finds all of them busy waits with its clock running.
        patience: how long after the last arrival the last answers are awaited.
    """

    port: int
    questions: tuple[Question, ...]
    seconds: float
    rate: float | None = None
    connections: int = 64
    seed: int = 0
    patience: float = 10.0
    path: str = "/invocations"
    headers: Mapping[str, str] = field(default_factory=dict)

    def requests(self) -> list[bytes]:
        """The bytes of each question as HTTP."""
        return [self._request(question.body) for question in self.questions]

    def arrivals(self) -> list[float]:
        """When each request arrives, in seconds from the start; the same for the same seed."""
        assert self.rate is not None
        room = int(self.rate * self.seconds * 1.2) + 100
        times = np.random.default_rng(self.seed).exponential(1 / self.rate, room).cumsum()
        arrivals: list[float] = times[times < self.seconds].tolist()
        return arrivals

    def _request(self, body: bytes) -> bytes:
        headers = {"host": "127.0.0.1", "content-length": str(len(body)), **JSON, **self.headers}
        lines = [f"POST {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body


class Judge:
    """Compares answers with the predictions that their releases make; the same bytes are compared as numbers once."""

    def __init__(self, questions: tuple[Question, ...]) -> None:
        self._questions = questions
        self._known: dict[tuple[int, str, bytes], str] = {}

    def problem(self, number: int, answer: Answer) -> str:
        """What is wrong with the answer to a request, in a word or two; empty when nothing is."""
        if answer.status == 503 and not answer.header("retry-after"):
            return "503 without Retry-After"
        if answer.status != 200:
            return ""
        key = number % len(self._questions), answer.header("x-model-version"), answer.body
        if key not in self._known:
            self._known[key] = self._compared(*key)
        return self._known[key]

    def _compared(self, question: int, release: str, body: bytes) -> str:
        known = self._questions[question].predictions
        if known is None:
            return ""
        expected = known.get(release)
        if expected is None:
            return f"unknown release {release!r}"
        came = np.array(json.loads(body)["predictions"], dtype=np.float64)
        right = came.shape == np.shape(expected) and np.allclose(came, expected, rtol=TOLERANCE, atol=1e-300)
        return "" if right else "wrong answer"
