"""Entry point of each worker process. The parent imports it too, so it must not import numpy at the top."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from slipway.realtime.http.worker import Job, Worker

if TYPE_CHECKING:
    from slipway.realtime.http.app import App


def make_app(job: Job) -> App:
    """Create the application of one worker; granian calls this in the worker process."""
    # The threads that OpenBLAS would start are useless for one row at a time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from slipway.realtime.http.app import App
    from slipway.realtime.http.routes import ROUTE_NAMES, routes_of

    return App(Worker(job, routes_of, ROUTE_NAMES))
