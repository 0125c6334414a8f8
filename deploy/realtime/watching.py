"""What a worker does beside answering: it looks at ``current``, at slow clients and at tokens, and writes its logs."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deploy.realtime.answers import Answer, Route
    from deploy.realtime.body import Bodies
    from deploy.realtime.turns import Turns
    from deploy.realtime.worker import Worker

POLL_SECONDS = 0.05
_TOKEN_SECONDS = 1.0


class Watching:
    """The watch of one worker, and the accounts it keeps of each answer."""

    def __init__(self, worker: Worker, turns: Turns, bodies: Bodies) -> None:
        self._worker, self._turns, self._bodies = worker, turns, bodies
        self._tokens_seen = time.monotonic()

    async def watch(self) -> None:
        """Look every 50 ms until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if self._worker.orphaned:
                os.kill(os.getpid(), signal.SIGTERM)
                return
            if self._worker.behind:
                await asyncio.to_thread(self._worker.follow)
            self._look_around()

    def answered(
        self, scope: Any, route: Route | None, request_id: str, answer: Answer, release: str | None, seconds: float
    ) -> None:
        """Keep account of one answer."""
        self._worker.metrics.answered(route.name if route else "other", answer.status, seconds, answer.rows)

    def finish(self) -> None:
        """Write what is still in memory."""

    def _look_around(self) -> None:
        self._bodies.end_slow_ones()
        self._worker.metrics.queue(self._turns.waiting)
        if time.monotonic() - self._tokens_seen > _TOKEN_SECONDS:
            self._tokens_seen = time.monotonic()
            self._worker.guard.look_again()
