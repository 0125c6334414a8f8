"""Over HTTP: the v2 routes, the documents, the metrics of all workers and the logs tell what really happened."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slipway.bundle.release_file import verify
from slipway.errors import StorageError
from slipway.realtime.http.options import Options
from slipway.realtime.http.server import serve
from slipway.tables.prediction_log import read_predictions
from slipway.target.readiness import acknowledgements, live_servers, wait_for_workers
from tests.support.bundles import GOLDEN, answers, flip, make_bundle, release_of
from tests.support.eventually import eventually
from tests.support.running_server import JSON, Running, running

ROWS = {"inputs": GOLDEN}
LENGTH = "Inference-Header-Content-Length"
KINDS = "the content type must be application/json or application/octet-stream"


def make_target(folder: Path) -> Path:
    for version, bias in {"1.0.0": 0.0, "2.0.0": 1.5}.items():
        make_bundle(folder / "releases", version, bias=bias)
    flip(folder, release_of(folder, "1.0.0"))
    return folder


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server of which tests only ask."""
    with running(target=make_target(tmp_path_factory.mktemp("shared"))) as server:
        yield server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return make_target(tmp_path)


@pytest.fixture
def server(target: Path, tmp_path: Path) -> Iterator[Running]:
    logs = {"access_log": tmp_path / "access.jsonl", "prediction_log": tmp_path / "predictions"}
    with running(target=target, **logs) as server:
        assert wait_for_workers(target, verify(release_of(target, "1.0.0")).digest, 60) == []
        yield server


def move(target: Path, version: str) -> None:
    flip(target, release_of(target, version))
    assert wait_for_workers(target, verify(release_of(target, version)).digest, 60) == []


def metrics(server: Running) -> dict[str, float]:
    lines = server.ask("GET", "/metrics").body.decode().splitlines()
    return {
        name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
    }


def infer(server: Running, path: str) -> Any:
    request = {"inputs": [
        {"name": "distance", "shape": [5], "datatype": "FP64", "data": GOLDEN["distance"]},
        {"name": "seats", "shape": [5], "datatype": "INT64", "data": GOLDEN["seats"]},
        {"name": "carrier", "shape": [5], "datatype": "BYTES", "data": GOLDEN["carrier"]},
        {"name": "tail", "shape": [5], "datatype": "BYTES", "data": GOLDEN["tail"]},
    ]}  # fmt: skip
    return server.ask("POST", path, json.dumps(request).encode(), JSON)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/v2", {"name": "slipway"}),
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        ("/v2/models/flights", {"name": "flights", "versions": ["1.0.0"], "platform": "onnx"}),
        ("/v2/models/flights/ready", {"name": "flights", "ready": True}),
        ("/v2/models/flights/versions/1.0.0/ready", {"name": "flights", "ready": True}),
    ],
)
def test_v2_tells_about_server_and_model(shared_server: Running, path: str, told: dict[str, Any]) -> None:
    answer = shared_server.ask("GET", path)
    assert (answer.status, answer.json | told) == (200, answer.json)


def test_v2_infers_by_model_and_by_release(target: Path, server: Running) -> None:
    for path in ("/v2/models/flights/infer", "/v2/models/flights/versions/1.0.0/infer"):
        answer = infer(server, path)
        outputs = {one["name"]: one["data"] for one in answer.json["outputs"]}
        assert (answer.status, answer.json["model_version"]) == (200, "1.0.0")
        np.testing.assert_allclose(outputs["probability_late"], answers(GOLDEN)[:, 0], rtol=1e-12)
    move(target, "2.0.0")
    assert infer(server, "/v2/models/flights/infer").json["model_version"] == "2.0.0"
    gone = infer(server, "/v2/models/flights/versions/1.0.0/infer")
    assert (gone.status, gone.json.keys()) == (404, {"error"})


@pytest.mark.parametrize(
    ("body", "headers", "status", "message"),
    [
        (b"{}", {"content-type": "text/plain"}, 415, f"{KINDS}, got 'text/plain'"),
        (b"{}", {LENGTH: "x"}, 400, f"the header {LENGTH} must be an integer number of bytes, got 'x'"),
        (b"{}", {LENGTH: "9" * 50}, 400, None),
        (b"", {}, 400, None),
    ],
)
def test_v2_refuses_in_its_own_shape(
    shared_server: Running, body: bytes, headers: dict[str, str], status: int, message: str | None
) -> None:
    answer = shared_server.ask("POST", "/v2/models/flights/infer", body, headers)
    assert (answer.status, answer.json.keys()) == (status, {"error"})
    assert message in (None, answer.json["error"])


def test_the_documents_tell_of_what_is_served(target: Path, server: Running) -> None:
    document = server.ask("GET", "/openapi.json").json
    assert (document["openapi"], document["info"]["version"]) == ("3.1.0", "1.0.0")
    page = server.ask("GET", "/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "content-security-policy" in page.headers
    assert not re.findall(rb'(?:src|href)="(?:https?:)?//', page.body)
    move(target, "2.0.0")
    assert server.ask("GET", "/openapi.json").json["info"]["version"] == "2.0.0"


def test_every_documented_route_without_a_body_answers(shared_server: Running) -> None:
    paths = shared_server.ask("GET", "/openapi.json").json["paths"]
    assert {path: shared_server.ask("GET", path).status for path, ways in paths.items() if "get" in ways} == {
        path: 200 for path, ways in paths.items() if "get" in ways
    }


def test_metrics_count_over_all_workers_and_outlive_one(target: Path, server: Running) -> None:
    for _ in range(40):
        server.post(ROWS)
    server.post({"inputs": 5})
    server.ask("GET", "/nowhere")
    (known,) = live_servers(target)
    victim = acknowledgements(target, known)[0].pid
    os.kill(victim, signal.SIGKILL)
    assert eventually(lambda: victim not in [said.pid for said in acknowledgements(target, known)])
    assert wait_for_workers(target, verify(release_of(target, "1.0.0")).digest, 60) == []
    told = metrics(server)
    assert (told["slipway_worker_starts_total"], told["slipway_workers"]) == (3, 2)
    assert told['slipway_requests_total{code="200",route="invocations"}'] == 40
    assert told['slipway_requests_total{code="400",route="invocations"}'] == 1
    assert told['slipway_requests_total{code="404",route="other"}'] == 1
    assert told["slipway_rows_total"] == 200
    assert told['slipway_request_seconds_count{route="invocations"}'] == 41


def test_metrics_tell_the_release_and_the_swaps(target: Path, server: Running) -> None:
    def served() -> dict[str, float]:
        found = metrics(server).items()
        return {
            name.partition('release="')[2].partition('"')[0]: value for name, value in found if "model_info" in name
        }

    assert served() == {"1.0.0": 2}
    move(target, "2.0.0")
    assert served() == {"2.0.0": 2}
    assert metrics(server)['slipway_swaps_total{outcome="ok"}'] == 2


def test_the_access_log_has_a_line_for_each_answer(server: Running, tmp_path: Path) -> None:
    server.post(ROWS, **{"x-request-id": "mine", "authorization": "Bearer very-secret-token"})
    server.ask("GET", "/nowhere?token=very-secret-token")
    log = tmp_path / "access.jsonl"
    assert eventually(lambda: len(log.read_text().splitlines()) == 2)
    lines = {line["path"]: line for line in map(json.loads, log.read_text().splitlines())}
    first, second = lines["/invocations"], lines["/nowhere"]
    assert [first[name] for name in ("id", "method", "status", "rows", "release")] == ["mine", "POST", 200, 5, "1.0.0"]
    assert (second["status"], second["rows"]) == (404, 0)
    assert "very-secret-token" not in log.read_text()


def test_the_prediction_log_keeps_what_was_asked_in_any_form(target: Path, server: Running, tmp_path: Path) -> None:
    server.post(ROWS, **{"x-request-id": "five"})
    row = {name: values[2] for name, values in GOLDEN.items()}
    server.post({"dataframe_records": [row]}, **{"x-request-id": "one"})
    infer(server, "/v2/models/flights/infer")
    server.post({"inputs": "wrong"})
    server.stop()
    logged = {one.request_id: one for one in read_predictions(tmp_path / "predictions")}
    assert len(logged) == 3
    assert (logged["five"].release, logged["five"].rows) == ("1.0.0", 5)
    assert logged["five"].inputs == {name: list(values) for name, values in GOLDEN.items()}
    assert logged["one"].inputs == {name: [value] for name, value in row.items()}
    np.testing.assert_allclose(logged["one"].predictions, answers(GOLDEN)[2:3], rtol=1e-12)


def test_a_log_that_cannot_be_written_stops_the_start(target: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for log in ({"access_log": tmp_path / "none" / "log"}, {"prediction_log": tmp_path / "file"}):
        with pytest.raises(StorageError, match="cannot be written: .*; nothing was started"):
            serve(Options(port=0, **log), target=target)
