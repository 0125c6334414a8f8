"""The entry point of each worker process. It is imported by the parent too, which must stay free of numpy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from slipway.realtime.http.worker import Job, Worker

if TYPE_CHECKING:
    from slipway.realtime.http.app import App


def make_app(job: Job) -> App:
    """The application of one worker; granian calls this in the worker's own process."""
    # One row at a time has no use for the threads that OpenBLAS would start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from slipway.realtime.http.app import App
    from slipway.realtime.http.routes import ROUTE_NAMES, routes_of

    return App(Worker(job, routes_of, ROUTE_NAMES))
