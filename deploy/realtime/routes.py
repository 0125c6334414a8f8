"""Every address of the server, and what answers there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from deploy.realtime.answers import Answer, Request, Route
from pipeline.distribution import installed

if TYPE_CHECKING:
    from deploy.realtime.worker import Serving, Worker

ROUTES = ("invocations", "infer", "health", "version", "metrics", "metadata", "docs")
"""The names that metrics know the routes by."""


def routes_of(worker: Worker) -> Mapping[str, Route]:
    """The routes while this worker serves what it serves now."""
    health = Route("GET", _health, "health", open=True)
    return {
        "/invocations": Route("POST", _invocations, "invocations", predicts=True),
        "/ping": health,
        "/health": health,
        "/version": Route("GET", _version, "version", always=True),
        "/metrics": Route("GET", lambda request, serving: _metrics(worker), "metrics", slow=True, always=True),
    }


def _invocations(request: Request, serving: Serving) -> Answer:
    return serving.invocations(request)


def _health(request: Request, serving: Serving) -> Answer:
    return Answer(200, b"\n")


def _version(request: Request, serving: Serving | None) -> Answer:
    release, digest = (serving.release, serving.digest) if serving else (None, None)
    said = {"release": release, "digest": digest, "server": installed()[1], "pid": os.getpid()}
    return Answer(200, msgspec.json.encode(said))


def _metrics(worker: Worker) -> Answer:
    from deploy.realtime.metrics import CONTENT_TYPE

    return Answer(200, worker.metrics.expose(), CONTENT_TYPE)
