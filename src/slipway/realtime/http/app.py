"""The application of one worker: from a request of granian's (RSGI) to an answer, with a limit on everything."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from slipway.realtime.http.admission import OverloadedError, Turns
from slipway.realtime.http.request_body import Bodies
from slipway.realtime.http.supervisor import Watching
from slipway.realtime.http.worker import Worker
from slipway.realtime.protocols.messages import Answer, Pending, Refusal, Request, Route, refused
from slipway.realtime.protocols.mlflow.invocations import LARGE_BODY
from slipway.realtime.protocols.served_model import Serving

Answered = tuple[Answer, Serving | None]
"""An answer, and what was served when it was made."""
MOST_LARGE = 8
"""How many large requests one worker has in hand; each of them is worked on in the one thread that there is for them."""
_LONGEST_ID = 128
_logger = logging.getLogger(__name__)


class App:
    """One worker's application; granian calls the three methods in double underscores."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._turns = Turns(worker.job.options.longest_wait)
        self._bodies = Bodies(worker.job.options.largest_body, worker.job.options.body_seconds)
        self._watching = Watching(worker, self._turns, self._bodies)
        self._thread = ThreadPoolExecutor(1, "large")
        self._large = 0
        prefix = os.urandom(6).hex()
        self._new_ids = (f"{prefix}{number:08x}" for number in itertools.count())

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to watch; called once, before the first request."""
        self._watch = loop.create_task(self._watching.watch())

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """The last request is answered."""
        # A stop said twice must not cut off the last lines of the logs.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._watch.cancel()
        self._watching.finish()
        self.worker.stop()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """One request."""
        started = time.perf_counter()
        headers, path = scope.headers, scope.path
        request_id = self._request_id(headers.get("x-request-id"))
        route = self.worker.routes.get(path)
        try:
            answer, serving = await self._answered(scope.method, path, route, headers, protocol)
        except Refusal as refusal:
            answer, serving = refused(refusal, path), self.worker.serving
        except Exception:
            _logger.exception("request %s failed", request_id)
            told = f"request {request_id} failed; the server's log says why"
            answer, serving = refused(Refusal(500, "INTERNAL_ERROR", told), path), self.worker.serving
        # Counted before it is sent: whoever has an answer finds it in the metrics.
        self._watching.answered(scope, route, request_id, answer, serving, time.perf_counter() - started)
        respond(protocol, answer, request_id, serving and serving.release)

    async def _answered(self, method: str, path: str, route: Route | None, headers: Any, protocol: Any) -> Answered:
        if route is None:
            raise Refusal(404, "ENDPOINT_NOT_FOUND", f"there is no {path} here; /docs tells what there is")
        if method != route.method and not (method == "HEAD" and route.method == "GET"):
            told = f"{path} takes {route.method}, not {method}"
            raise Refusal(405, "BAD_REQUEST", told, (("allow", route.method),))
        if not route.open:
            self.worker.guard.check(headers)
        if not route.predicts:
            request = Request(headers, b"")
            return await asyncio.to_thread(self._whole, route, request) if route.slow else self._whole(route, request)
        body = await self._bodies.read(headers, protocol)
        if len(body) > LARGE_BODY:
            return await self._large_one(route, Request(headers, body))
        return await self._small_one(route, Request(headers, body))

    async def _small_one(self, route: Route, request: Request) -> Answered:
        turns, size, seconds = self._turns, len(request.body), None
        if turns.free:
            turns.begin(size)
        else:
            await turns.wait(size)
        try:
            started = time.perf_counter()
            answer, serving = self._handled(route, request)
            seconds = time.perf_counter() - started
            if isinstance(answer, Pending):
                values, share = await answer.predicted
                seconds += share
                answer = answer.finish(values)
            return answer, serving
        finally:
            turns.end(size, seconds)

    async def _large_one(self, route: Route, request: Request) -> Answered:
        if self._large >= MOST_LARGE:
            raise OverloadedError(1.0)
        self._large += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._whole, route, request)
        finally:
            self._large -= 1

    def _whole(self, route: Route, request: Request) -> Answered:
        answer, serving = self._handled(route, request)
        if isinstance(answer, Pending):
            raise TypeError(f"{route.name} left a row for the event loop, but nobody waits for it there")
        return answer, serving

    def _handled(self, route: Route, request: Request) -> tuple[Answer | Pending, Serving | None]:
        # Taken once and only now: no answer mixes two releases, and none that waited is from a release of before.
        serving = self.worker.serving
        if serving is None and not route.always:
            told = f"nothing is served: {self.worker.error or 'no release was loaded yet'}"
            raise Refusal(503, "TEMPORARILY_UNAVAILABLE", told)
        return route.handle(request, serving), serving

    def _request_id(self, given: str | None) -> str:
        usable = given is not None and 0 < len(given) <= _LONGEST_ID and given.isascii() and given.isprintable()
        return given if usable and given is not None and " " not in given else next(self._new_ids)


def respond(protocol: Any, answer: Answer, request_id: str, release: str | None) -> None:
    """Send an answer with the headers that each one carries."""
    headers = [("content-type", answer.content_type), ("x-request-id", request_id), *answer.headers]
    if release is not None:
        headers.append(("x-model-version", release))
    protocol.response_bytes(answer.status, headers, answer.body)
