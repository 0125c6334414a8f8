"""Who asks for one release by name gets its answer or none, also when the champion moves in between."""

from __future__ import annotations

import json
import os
from pathlib import Path

from slipway.realtime.http.options import Options
from slipway.realtime.http.routes import ROUTE_NAMES, routes_of
from slipway.realtime.http.worker import Job, Worker
from slipway.realtime.protocols.messages import Request, Response
from slipway.realtime.protocols.served_model import load
from tests.support.bundles import make_bundle

PATH = "/v2/models/flights/versions/1.0.0/infer"


def test_a_request_for_a_release_that_is_no_longer_served_is_not_answered_by_the_next(tmp_path: Path) -> None:
    old, new = (make_bundle(tmp_path / version, version) for version in ("1.0.0", "2.0.0"))
    worker = Worker(Job(options=Options(), parent=os.getppid(), bundle=old), routes_of, ROUTE_NAMES)
    worker.start()
    answer = worker.routes[PATH].handle(Request({}, b"{}"), load(new))
    assert isinstance(answer, Response)
    told = "release 1.0.0 is no longer served; 2.0.0 is"
    assert (answer.status, json.loads(answer.body)) == (404, {"error": told})
