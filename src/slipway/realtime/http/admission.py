"""Admission control: runs requests in order of arrival and rejects at once those that would wait too long.

A cheap model predicts immediately. Once the running requests are expected to cost a millisecond, new ones queue until these
are done, so that the event loop can read new requests in between and reject those that would wait too long. The expected
cost of a request comes from recent requests of the same size. The limit is therefore a time, whatever the model costs, and
accepted requests stay fast, as CoDel does for packets (Nichols and Jacobson, 2012).
"""

from __future__ import annotations

import asyncio
from collections import deque

from slipway.realtime.protocols.messages import ErrorResponse

BURST_SECONDS = 0.001
"""Expected cost of the requests that run back to back before the event loop reads new ones."""
_WEIGHT_OF_NEW = 0.2
# Sizes are grouped by the bit length of the number of bytes, so one class covers a factor of two.
_SIZE_CLASSES = 64


class OverloadedError(ErrorResponse):
    """The server is overloaded: the request would wait longer than the limit. The client should retry later."""

    def __init__(self, seconds: float) -> None:
        message = f"the server is overloaded: a response would take {seconds * 1000:.0f} ms; retry later"
        super().__init__(503, "TEMPORARILY_UNAVAILABLE", message, (("retry-after", "1"),))
        self.seconds = seconds


class AdmissionQueue:
    """The queue of one worker. It is not thread-safe: only the worker's event loop can use it."""

    def __init__(self, max_wait_seconds: float) -> None:
        self.max_wait_seconds = max_wait_seconds
        self._queue: deque[tuple[asyncio.Future[None], float]] = deque()
        self._queued_seconds = 0.0
        self._running = 0
        self._burst_seconds = 0.0
        self._ticking = False
        self._costs = [0.0] * _SIZE_CLASSES

    @property
    def waiting(self) -> int:
        """Number of queued requests."""
        return len(self._queue)

    @property
    def free(self) -> bool:
        """Whether a new request can predict without queueing."""
        return self._burst_seconds < BURST_SECONDS and not self._queue

    def begin(self, size: int) -> None:
        """Start a prediction; ``size`` is the length of the body in bytes, from which its cost is estimated."""
        self._running += 1
        # The cost of the first request of a size is unknown, so it gets the event loop to itself.
        self._burst_seconds += self._costs[size.bit_length()] or BURST_SECONDS

    def end(self, size: int, seconds: float | None) -> None:
        """Finish a prediction and record its cost, unless ``seconds`` is None because it failed.

        When no prediction is running any more, the event loop handles other events before the next queued ones start.
        """
        if seconds is not None:
            self._learn(size, seconds)
        self._finish_one()

    async def wait(self, size: int) -> None:
        """Queue, if necessary, until the request can predict.

        Raises:
            OverloadedError: a response would take longer than the maximum wait.
        """
        if self.free:
            return self.begin(size)
        cost = self._expected_cost(size)
        # Its own cost counts twice: once for itself, and once for the prediction that ran while it arrived unnoticed.
        expected = self._queued_seconds + 2 * cost
        if self._queue and expected > self.max_wait_seconds:
            raise OverloadedError(expected)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((turn, cost))
        self._queued_seconds += cost
        try:
            await turn
        except asyncio.CancelledError:
            self._leave_queue(turn, cost)
            raise

    def _learn(self, size: int, seconds: float) -> None:
        known = self._costs[size.bit_length()]
        # One slow request was perhaps only preempted by the system. A model that became slow is slow every time.
        usual = seconds if known == 0 else min(seconds, 2 * known)
        self._costs[size.bit_length()] = known + (_WEIGHT_OF_NEW if known else 1) * (usual - known)

    def _finish_one(self) -> None:
        self._running -= 1
        if not self._running and not self._ticking:
            self._ticking = True
            asyncio.get_running_loop().call_soon(self._tick)

    def _tick(self) -> None:
        self._ticking = False
        if self._running:
            return
        self._burst_seconds = 0.0
        while self._queue and self._burst_seconds < BURST_SECONDS:
            turn, cost = self._queue.popleft()
            self._queued_seconds = max(0.0, self._queued_seconds - cost) if self._queue else 0.0
            if not turn.done():
                self._running += 1
                self._burst_seconds += cost or BURST_SECONDS
                turn.set_result(None)

    def _leave_queue(self, turn: asyncio.Future[None], cost: float) -> None:
        if (turn, cost) in self._queue:
            self._queue.remove((turn, cost))
            self._queued_seconds = max(0.0, self._queued_seconds - cost) if self._queue else 0.0
        elif turn.done() and not turn.cancelled():
            self._finish_one()

    def _expected_cost(self, size: int) -> float:
        """Recent cost of a body of this size, or of the nearest smaller size that is known, or of the nearest larger one."""
        own = size.bit_length()
        nearest_first = (*range(own, -1, -1), *range(own + 1, _SIZE_CLASSES))
        return next((self._costs[i] for i in nearest_first if self._costs[i]), 0.0)
