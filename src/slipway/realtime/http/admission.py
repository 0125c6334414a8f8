"""Who predicts when: in the order they came, with a bounded wait and an answer at once beyond it.

A cheap model predicts as soon as it is asked. Once the requests in hand will cost a millisecond, those that come stand in
line until these are done, so that in between the loop can read, and refuse what would wait too long. What a request will
cost comes from what those of the same size took lately, so the bound is one of time, whatever the model costs: requests
that are accepted stay fast, as CoDel does for packets (Nichols and Jacobson, 2012).
"""

from __future__ import annotations

import asyncio
from collections import deque

from slipway.realtime.protocols.messages import ErrorResponse

BURST_SECONDS = 0.001
_WEIGHT_OF_NEW = 0.2
_SIZE_CLASSES = 64


class OverloadedError(ErrorResponse):
    """There is too much to do, and a request would wait longer than is promised; the client shall come back later."""

    def __init__(self, seconds: float) -> None:
        told = f"this server is busy: an answer would take {seconds * 1000:.0f} ms; try again"
        super().__init__(503, "TEMPORARILY_UNAVAILABLE", told, (("retry-after", "1"),))
        self.seconds = seconds


class AdmissionQueue:
    """The line of one worker. Only its event loop may use it."""

    def __init__(self, longest_wait: float) -> None:
        self.longest_wait = longest_wait
        self._queue: deque[tuple[asyncio.Future[None], float]] = deque()
        self._queued_seconds = 0.0
        self._running = 0
        self._burst_seconds = 0.0
        self._ticking = False
        self._costs = [0.0] * _SIZE_CLASSES

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return len(self._queue)

    @property
    def free(self) -> bool:
        """May one who comes now predict at once?"""
        return self._burst_seconds < BURST_SECONDS and not self._queue

    def begin(self, size: int) -> None:
        """Predict now; ``size`` is the length of the body in bytes, by which its cost is guessed."""
        self._running += 1
        # Nobody knows what the first of its size will cost, so it has the loop for itself.
        self._burst_seconds += self._costs[size.bit_length()] or BURST_SECONDS

    def end(self, size: int, seconds: float | None) -> None:
        """A prediction is done: remember its cost, if it has one; after the last in hand the loop sees to other things."""
        if seconds is not None:
            self._learn(size, seconds)
        self._finish_one()

    async def wait(self, size: int) -> None:
        """Stand in line, if it must be, until it is time to predict.

        Raises:
            OverloadedError: an answer would take longer than the longest wait.
        """
        if self.free:
            return self.begin(size)
        cost = self._expected_cost(size)
        # Its own cost twice: once for itself, and once for what was being predicted while it arrived unseen.
        expected = self._queued_seconds + 2 * cost
        if self._queue and expected > self.longest_wait:
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
        # One that the system interrupted says nothing of the model; one that has become slow says it again and again.
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
        """What a body of this size took lately, or the next smaller size that is known, or the next larger."""
        place = size.bit_length()
        known = [self._costs[i] for i in (*range(place, -1, -1), *range(place + 1, _SIZE_CLASSES)) if self._costs[i]]
        return known[0] if known else 0.0
