"""The ASGI application: routes, headers, and errors as MLflow's scoring server shapes them."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

import msgspec

from deploy.realtime.decode import decode_json
from deploy.realtime.decode_csv import decode_csv
from deploy.realtime.worker import Serving, Worker
from pipeline.distribution import installed
from pipeline.errors import ContractError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LARGEST_BODY = 64 << 20
LARGE_BODY = 1 << 16
"""From here on a request is worked on in a thread, so the small ones beside it need not wait."""
_DECODERS = {"application/json": decode_json, "text/csv": decode_csv}
_LONGEST_ID = 128
_logger = logging.getLogger(__name__)


class Answer(NamedTuple):
    """A status and a JSON body."""

    status: int
    body: bytes
    allow: bytes = b""


def refusal(status: int, code: str, message: str, allow: bytes = b"") -> Answer:
    """An error in MLflow's shape."""
    return Answer(status, msgspec.json.encode({"error_code": code, "message": message}), allow)


class App:
    """One worker's application."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._routes = {
            "/invocations": (b"POST", self._invocations),
            "/ping": (b"GET", self._health),
            "/health": (b"GET", self._health),
            "/version": (b"GET", self._version),
        }
        prefix = os.urandom(6).hex()
        self._new_ids = (f"{prefix}{number:08x}".encode() for number in itertools.count())

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One ASGI request; lifespan and websocket messages are not ours."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _http(self, scope: Message, receive: Receive, send: Send) -> None:
        serving, headers = self._worker.serving, dict(scope["headers"])
        request_id = self._request_id(headers.get(b"x-request-id", b""))
        try:
            answer = await self._answer(scope, headers, receive, serving)
        except Exception:
            _logger.exception("request %s failed", request_id.decode())
            answer = refusal(500, "INTERNAL_ERROR", f"request {request_id.decode()} failed; the server's log says why")
        if answer is not None:
            await _send(send, answer, request_id, serving)

    def _request_id(self, given: bytes) -> bytes:
        usable = 0 < len(given) <= _LONGEST_ID and all(33 <= byte <= 126 for byte in given)
        return given if usable else next(self._new_ids)

    async def _answer(
        self, scope: Message, headers: dict[bytes, bytes], receive: Receive, serving: Serving | None
    ) -> Answer | None:
        route = self._routes.get(scope["path"])
        if route is None:
            known = ", ".join(self._routes)
            return refusal(404, "ENDPOINT_NOT_FOUND", f"there is no {scope['path']} here; there are {known}")
        method, handle = route
        if scope["method"] != method.decode():
            message = f"{scope['path']} takes {method.decode()}, not {scope['method']}"
            return refusal(405, "BAD_REQUEST", message, method)
        return await handle(headers, receive, serving)

    async def _invocations(
        self, headers: dict[bytes, bytes], receive: Receive, serving: Serving | None
    ) -> Answer | None:
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        decode = _decoder(content_type)
        if decode is None:
            message = f"the content type must be {' or '.join(_DECODERS)} in UTF-8 but is '{content_type}'"
            return refusal(415, "BAD_REQUEST", message)
        body = await _body(receive)
        if body is None:
            return None
        if len(body) > LARGEST_BODY:
            return refusal(413, "BAD_REQUEST", f"the body is larger than {LARGEST_BODY} bytes; use `slipway batch`")
        if serving is None:
            return self._unavailable()
        if len(body) > LARGE_BODY:
            return await asyncio.to_thread(_predict, body, decode, serving)
        return _predict(body, decode, serving)

    async def _health(self, headers: dict[bytes, bytes], receive: Receive, serving: Serving | None) -> Answer:
        return self._unavailable() if serving is None else Answer(200, b"\n")

    async def _version(self, headers: dict[bytes, bytes], receive: Receive, serving: Serving | None) -> Answer:
        release, digest = (serving.release, serving.digest) if serving else (None, None)
        said = {"release": release, "digest": digest, "server": installed()[1], "pid": os.getpid()}
        return Answer(200, msgspec.json.encode(said))

    def _unavailable(self) -> Answer:
        reason = self._worker.error or "no release was loaded yet"
        return refusal(503, "TEMPORARILY_UNAVAILABLE", f"nothing is served: {reason}")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._worker.start()
        watch = asyncio.create_task(self._worker.watch())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        watch.cancel()
        self._worker.stop()
        await send({"type": "lifespan.shutdown.complete"})


Decode = Callable[[bytes, Any], dict[str, Any]]


def _predict(body: bytes, decode: Decode, serving: Serving) -> Answer:
    try:
        values, _ = serving.scorer.predict(decode(body, serving.scorer.contract))
    except ContractError as error:
        return refusal(400, "BAD_REQUEST", str(error))
    return Answer(200, msgspec.json.encode({"predictions": values.tolist()}))


def _decoder(content_type: str) -> Decode | None:
    if content_type == "application/json":
        return decode_json
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    understood = all(part.replace('"', "") in {"charset=utf-8", "header=present", ""} for part in parameters)
    return _DECODERS.get(kind) if understood else None


async def _body(receive: Receive) -> bytes | None:
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return bytes(message["body"])
    parts: list[bytes] = []
    size = 0
    while message["type"] == "http.request":
        size += len(message["body"])
        # What is beyond the limit is read, so the client hears the answer, but not kept.
        if size <= LARGEST_BODY or len(parts) == 0:
            parts.append(message["body"])
        if not message.get("more_body"):
            return b"".join(parts) if size <= LARGEST_BODY else bytes(LARGEST_BODY + 1)
        message = await receive()
    return None


async def _send(send: Send, answer: Answer, request_id: bytes, serving: Serving | None) -> None:
    headers = [(b"content-type", b"application/json"), (b"x-request-id", request_id)]
    if serving is not None:
        headers.append((b"x-model-version", serving.release.encode()))
    if answer.allow:
        headers.append((b"allow", answer.allow))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
