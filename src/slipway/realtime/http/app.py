"""The RSGI application that granian runs in each worker: turns a request into a response, within limits."""

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
"""A response, and the model that was served when it was built."""
MAX_LARGE_REQUESTS = 8
"""Limit of large requests that one worker accepts at a time; a single thread works on them one by one."""
_MAX_ID_LENGTH = 128
_logger = logging.getLogger(__name__)


class App:
    """Application of one worker; granian calls the three methods with double underscores."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._admission = AdmissionQueue(worker.job.options.max_wait_seconds)
        self._body_reader = BodyReader(worker.job.options.max_body_bytes, worker.job.options.body_timeout)
        self._supervisor = Supervisor(worker, self._admission, self._body_reader)
        self._large_pool = ThreadPoolExecutor(1, "large")
        self._large_running = 0
        prefix = os.urandom(6).hex()
        self._new_ids = (f"{prefix}{number:08x}" for number in itertools.count())

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the supervisor; called once, before the first request."""
        self._supervisor_task = loop.create_task(self._supervisor.watch())

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close the logs and unregister the worker; called after the last response."""
        # A second SIGTERM must not cut off the last lines of the logs.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._supervisor_task.cancel()
        self._supervisor.close_logs()
        self.worker.stop()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Handle one request."""
        started = time.perf_counter()
        headers, path = scope.headers, scope.path
        request_id = self._request_id(headers.get("x-request-id"))
        route = self.worker.routes.get(path)
        try:
            response, serving = await self._dispatch(scope.method, path, route, headers, protocol)
        except ErrorResponse as error:
            response, serving = render_error(error, path), self.worker.serving
        except Exception:
            _logger.exception("request %s failed", request_id)
            message = f"request {request_id} failed; see the server's log for the reason"
            response, serving = render_error(ErrorResponse(500, "INTERNAL_ERROR", message), path), self.worker.serving
        # Counted before it is sent, so a client that has its response finds it in the metrics.
        self._supervisor.record_response(scope, route, request_id, response, serving, time.perf_counter() - started)
        send_response(protocol, response, request_id, serving.release if serving else None)

    async def _dispatch(
        self, method: str, path: str, route: Route | None, headers: Any, protocol: Any
    ) -> ModelResponse:
        if route is None:
            raise ErrorResponse(404, "ENDPOINT_NOT_FOUND", f"no route '{path}'; see /docs")
        if method != route.method and not (method == "HEAD" and route.method == "GET"):
            message = f"route '{path}' accepts {route.method}, not {method}"
            raise ErrorResponse(405, "BAD_REQUEST", message, (("allow", route.method),))
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
        queue, size, seconds = self._admission, len(request.body), None
        if queue.free:
            queue.begin(size)
        else:
            await queue.wait(size)
        try:
            started = time.perf_counter()
            response, serving = self._call_handler(route, request)
            seconds = time.perf_counter() - started
            if isinstance(response, PendingResponse):
                prediction = await response.prediction
                seconds += prediction.seconds
                response = response.finish(prediction.values)
            return response, serving
        finally:
            queue.end(size, seconds)

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
        response, serving = self._call_handler(route, request)
        if isinstance(response, PendingResponse):
            raise TypeError(f"{route.name} returned a pending response outside the event loop, where nothing awaits it")
        return response, serving

    def _call_handler(self, route: Route, request: Request) -> tuple[Response | PendingResponse, ServedModel | None]:
        # Read once and only now: no response mixes two releases, and a request that queued gets the current one.
        serving = self.worker.serving
        if serving is None and not route.always:
            message = f"no release is served: {self.worker.error or 'none was loaded yet'}"
            raise ErrorResponse(503, "TEMPORARILY_UNAVAILABLE", message)
        return route.handle(request, serving), serving

    def _request_id(self, given: str | None) -> str:
        usable = given is not None and 0 < len(given) <= _MAX_ID_LENGTH and given.isascii() and given.isprintable()
        return given if usable and given is not None and " " not in given else next(self._new_ids)


def send_response(protocol: Any, response: Response, request_id: str, release: str | None) -> None:
    """Send a response with the headers that every response has."""
    headers = [("content-type", response.content_type), ("x-request-id", request_id), *response.headers]
    if release is not None:
        headers.append(("x-model-version", release))
    protocol.response_bytes(response.status, headers, response.body)
