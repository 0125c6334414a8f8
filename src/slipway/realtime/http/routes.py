"""The routes of the server and their handlers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from slipway.__about__ import installed_version
from slipway.realtime.protocols.messages import (
    ErrorResponse,
    Handler,
    PendingResponse,
    Request,
    Response,
    Route,
    render_error,
)
from slipway.realtime.protocols.v2 import metadata
from slipway.realtime.protocols.v2.infer import infer
from slipway.realtime.telemetry.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from slipway.realtime.http.worker import Worker
    from slipway.realtime.protocols.served_model import ServedModel

ROUTE_NAMES = ("invocations", "infer", "health", "version", "metrics", "metadata", "docs")
"""Labels of the routes in the metrics."""


def routes_of(worker: Worker) -> Mapping[str, Route]:
    """The routes of a worker for the release that it serves now; rebuilt after each rollout."""
    health = Route("GET", _make_handler(lambda serving: b"\n"), "health", open=True)
    routes = {
        "/": Route("GET", _redirect_to_docs, "docs", open=True, always=True),
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
        "/v2": Route("GET", _make_handler(lambda serving: metadata.server_metadata()), "metadata", always=True),
        "/v2/health/live": Route(
            "GET", _make_handler(lambda serving: metadata.server_liveness()), "health", open=True, always=True
        ),
        "/v2/health/ready": Route(
            "GET", _make_handler(lambda serving: metadata.server_readiness()), "health", open=True
        ),
    }
    if worker.serving is not None:
        model = f"/v2/models/{worker.serving.scorer.contract.name}"
        release = worker.serving.release
        routes |= _v2_model_routes(model)
        for path, route in _v2_model_routes(f"{model}/versions/{release}").items():
            routes[path] = replace(route, handle=_require_release(release, path, route.handle))
    return routes


def _require_release(release: str, path: str, handle: Handler) -> Handler:
    """Wrap a handler so that a request for one release never gets a prediction of another one after a rollout."""

    def check_and_handle(request: Request, serving: ServedModel) -> Response | PendingResponse:
        if serving.release == release:
            return handle(request, serving)
        message = f"release {release} is no longer served; {serving.release} is"
        return render_error(ErrorResponse(404, "ENDPOINT_NOT_FOUND", message), path)

    return check_and_handle


def _v2_model_routes(path: str) -> dict[str, Route]:
    def describe_model(serving: ServedModel) -> bytes:
        return metadata.model_metadata(serving.scorer.contract, serving.release, serving.scorer.bundle.release.engine)

    return {
        path: Route("GET", _make_handler(describe_model), "metadata"),
        f"{path}/ready": Route(
            "GET", _make_handler(lambda serving: metadata.model_readiness(serving.scorer.contract)), "health"
        ),
        f"{path}/infer": Route("POST", infer, "infer", predicts=True),
    }


def _make_handler(make_body: Callable[[ServedModel], bytes]) -> Callable[[Request, ServedModel], Response]:
    return lambda request, serving: Response(200, make_body(serving))


def _redirect_to_docs(request: Request, serving: ServedModel | None) -> Response:
    return Response(307, b"", "text/plain", (("location", "/docs"),))


def _version(request: Request, serving: ServedModel | None) -> Response:
    release, digest = (serving.release, serving.digest) if serving else (None, None)
    version = {"release": release, "digest": digest, "server": installed_version(), "pid": os.getpid()}
    return Response(200, msgspec.json.encode(version))


def _metrics(worker: Worker) -> Response:
    return Response(200, worker.metrics.expose(), CONTENT_TYPE)


def _openapi(worker: Worker, request: Request, serving: ServedModel) -> Response:
    from slipway.realtime.docs.openapi import openapi_document

    scorer = serving.scorer
    return Response(
        200, openapi_document(scorer.contract, serving.release, scorer.golden, secured=worker.auth.is_required)
    )


def _docs(worker: Worker, request: Request, serving: ServedModel) -> Response:
    from slipway.realtime.docs.docs_page import docs_page

    scorer = serving.scorer
    page, headers = docs_page(scorer.contract, serving.release, scorer.golden, secured=worker.auth.is_required)
    return Response(200, page, headers.pop("content-type"), tuple(headers.items()))
