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

from slipway.realtime.http.admission import AdmissionQueue, OverloadedError
from slipway.realtime.http.request_body import BodyReader
from slipway.realtime.http.supervisor import Supervisor
from slipway.realtime.http.worker import Worker
from slipway.realtime.protocols.messages import ErrorResponse, PendingResponse, Request, Response, Route, render_error
from slipway.realtime.protocols.mlflow.invocations import LARGE_BODY
from slipway.realtime.protocols.served_model import ServedModel

ModelResponse = tuple[Response, ServedModel | None]
"""An answer, and what was served when it was made."""
MAX_LARGE_REQUESTS = 8
"""How many large requests one worker has in hand; each of them is worked on in the one thread that there is for them."""
_MAX_ID_LENGTH = 128
_logger = logging.getLogger(__name__)


class App:
    """One worker's application; granian calls the three methods in double underscores."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._admission = AdmissionQueue(worker.job.options.longest_wait)
        self._body_reader = BodyReader(worker.job.options.largest_body, worker.job.options.body_seconds)
        self._supervisor = Supervisor(worker, self._admission, self._body_reader)
        self._large_pool = ThreadPoolExecutor(1, "large")
        self._large_running = 0
        prefix = os.urandom(6).hex()
        self._new_ids = (f"{prefix}{number:08x}" for number in itertools.count())

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to watch; called once, before the first request."""
        self._supervisor_task = loop.create_task(self._supervisor.watch())

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """The last request is answered."""
        # A stop said twice must not cut off the last lines of the logs.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._supervisor_task.cancel()
        self._supervisor.close_logs()
        self.worker.stop()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """One request."""
        started = time.perf_counter()
        headers, path = scope.headers, scope.path
        request_id = self._request_id(headers.get("x-request-id"))
        route = self.worker.routes.get(path)
        try:
            answer, serving = await self._dispatch(scope.method, path, route, headers, protocol)
        except ErrorResponse as refusal:
            answer, serving = render_error(refusal, path), self.worker.serving
        except Exception:
            _logger.exception("request %s failed", request_id)
            told = f"request {request_id} failed; the server's log says why"
            answer, serving = render_error(ErrorResponse(500, "INTERNAL_ERROR", told), path), self.worker.serving
        # Counted before it is sent: whoever has an answer finds it in the metrics.
        self._supervisor.record_response(scope, route, request_id, answer, serving, time.perf_counter() - started)
        send_response(protocol, answer, request_id, serving.release if serving else None)

    async def _dispatch(
        self, method: str, path: str, route: Route | None, headers: Any, protocol: Any
    ) -> ModelResponse:
        if route is None:
            raise ErrorResponse(404, "ENDPOINT_NOT_FOUND", f"there is no {path} here; /docs tells what there is")
        if method != route.method and not (method == "HEAD" and route.method == "GET"):
            told = f"{path} takes {route.method}, not {method}"
            raise ErrorResponse(405, "BAD_REQUEST", told, (("allow", route.method),))
        if not route.open:
            self.worker.auth.check(headers)
        if not route.predicts:
            request = Request(headers, b"")
            return (
                await asyncio.to_thread(self._run_to_end, route, request)
                if route.slow
                else self._run_to_end(route, request)
            )
        body = await self._body_reader.read(headers, protocol)
        if len(body) > LARGE_BODY:
            return await self._run_large(route, Request(headers, body))
        return await self._run_small(route, Request(headers, body))

    async def _run_small(self, route: Route, request: Request) -> ModelResponse:
        turns, size, seconds = self._admission, len(request.body), None
        if turns.free:
            turns.begin(size)
        else:
            await turns.wait(size)
        try:
            started = time.perf_counter()
            answer, serving = self._call_handler(route, request)
            seconds = time.perf_counter() - started
            if isinstance(answer, PendingResponse):
                prediction = await answer.prediction
                seconds += prediction.seconds
                answer = answer.finish(prediction.values)
            return answer, serving
        finally:
            turns.end(size, seconds)

    async def _run_large(self, route: Route, request: Request) -> ModelResponse:
        if self._large_running >= MAX_LARGE_REQUESTS:
            raise OverloadedError(1.0)
        self._large_running += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._large_pool, self._run_to_end, route, request)
        finally:
            self._large_running -= 1

    def _run_to_end(self, route: Route, request: Request) -> ModelResponse:
        answer, serving = self._call_handler(route, request)
        if isinstance(answer, PendingResponse):
            raise TypeError(f"{route.name} left a row for the event loop, but nobody waits for it there")
        return answer, serving

    def _call_handler(self, route: Route, request: Request) -> tuple[Response | PendingResponse, ServedModel | None]:
        # Taken once and only now: no answer mixes two releases, and none that waited is from a release of before.
        serving = self.worker.serving
        if serving is None and not route.always:
            told = f"nothing is served: {self.worker.error or 'no release was loaded yet'}"
            raise ErrorResponse(503, "TEMPORARILY_UNAVAILABLE", told)
        return route.handle(request, serving), serving

    def _request_id(self, given: str | None) -> str:
        usable = given is not None and 0 < len(given) <= _MAX_ID_LENGTH and given.isascii() and given.isprintable()
        return given if usable and given is not None and " " not in given else next(self._new_ids)


def send_response(protocol: Any, response: Response, request_id: str, release: str | None) -> None:
    """Send an answer with the headers that each one carries."""
    headers = [("content-type", response.content_type), ("x-request-id", request_id), *response.headers]
    if release is not None:
        headers.append(("x-model-version", release))
    protocol.response_bytes(response.status, headers, response.body)
