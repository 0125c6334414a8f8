"""Every address of the server, and what answers there."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from slipway.__about__ import installed
from slipway.realtime.protocols.messages import Answer, Handler, Pending, Refusal, Request, Route, refused
from slipway.realtime.protocols.v2 import metadata
from slipway.realtime.protocols.v2.infer import infer
from slipway.realtime.telemetry.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from slipway.realtime.http.worker import Worker
    from slipway.realtime.protocols.served_model import Serving

ROUTES = ("invocations", "infer", "health", "version", "metrics", "metadata", "docs")
"""The names that metrics know the routes by."""


def routes_of(worker: Worker) -> Mapping[str, Route]:
    """The routes while this worker serves what it serves now."""
    health = Route("GET", _told(lambda serving: b"\n"), "health", open=True)
    routes = {
        "/invocations": Route(
            "POST", lambda request, serving: serving.invocations(request), "invocations", predicts=True
        ),
        "/ping": health,
        "/health": health,
        "/version": Route("GET", _version, "version", always=True),
        "/metrics": Route("GET", lambda request, serving: _metrics(worker), "metrics", slow=True, always=True),
        "/openapi.json": Route("GET", partial(_openapi, worker), "docs", slow=True, open=True),
        "/docs": Route("GET", partial(_docs, worker), "docs", slow=True, open=True),
    }
    return routes | _v2_routes(worker)


def _v2_routes(worker: Worker) -> dict[str, Route]:
    routes = {
        "/v2": Route("GET", _told(lambda serving: metadata.server_metadata()), "metadata", always=True),
        "/v2/health/live": Route(
            "GET", _told(lambda serving: metadata.server_live()), "health", open=True, always=True
        ),
        "/v2/health/ready": Route("GET", _told(lambda serving: metadata.server_ready()), "health", open=True),
    }
    if worker.serving is not None:
        model = f"/v2/models/{worker.serving.scorer.contract.name}"
        release = worker.serving.release
        routes |= _v2_model_routes(model)
        for path, route in _v2_model_routes(f"{model}/versions/{release}").items():
            routes[path] = route._replace(handle=_only_of(release, path, route.handle))
    return routes


def _only_of(release: str, path: str, handle: Handler) -> Handler:
    """Who asks one release must not get another's answer because of a swap in between."""

    def checked(request: Request, serving: Serving) -> Answer | Pending:
        if serving.release == release:
            return handle(request, serving)
        told = f"release {release} serves no more; {serving.release} does"
        return refused(Refusal(404, "ENDPOINT_NOT_FOUND", told), path)

    return checked


def _v2_model_routes(path: str) -> dict[str, Route]:
    def describe_model(serving: Serving) -> bytes:
        return metadata.model_metadata(serving.scorer.contract, serving.release, serving.scorer.bundle.release.engine)

    return {
        path: Route("GET", _told(describe_model), "metadata"),
        f"{path}/ready": Route("GET", _told(lambda serving: metadata.model_ready(serving.scorer.contract)), "health"),
        f"{path}/infer": Route("POST", infer, "infer", predicts=True),
    }


def _told(tell: Callable[[Serving], bytes]) -> Callable[[Request, Serving], Answer]:
    return lambda request, serving: Answer(200, tell(serving))


def _version(request: Request, serving: Serving | None) -> Answer:
    release, digest = (serving.release, serving.digest) if serving else (None, None)
    said = {"release": release, "digest": digest, "server": installed()[1], "pid": os.getpid()}
    return Answer(200, msgspec.json.encode(said))


def _metrics(worker: Worker) -> Answer:
    return Answer(200, worker.metrics.expose(), CONTENT_TYPE)


def _openapi(worker: Worker, request: Request, serving: Serving) -> Answer:
    from slipway.realtime.docs.openapi import openapi

    scorer = serving.scorer
    return Answer(200, openapi(scorer.contract, serving.release, scorer.golden, secured=worker.guard.asks))


def _docs(worker: Worker, request: Request, serving: Serving) -> Answer:
    from slipway.realtime.docs.docs_page import docs_page

    scorer = serving.scorer
    page, headers = docs_page(scorer.contract, serving.release, scorer.golden, secured=worker.guard.asks)
    return Answer(200, page, headers.pop("content-type"), tuple(headers.items()))
