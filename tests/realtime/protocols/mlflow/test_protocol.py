"""The server speaks MLflow's scoring protocol and gives the scorer's numbers, or says exactly what is wrong."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slipway.bundle.release_file import verify
from tests.support.bundles import GOLDEN, Rows, answers, make_bundle
from tests.support.running_server import JSON, Running, running

COLUMNS = list(GOLDEN)
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*GOLDEN.values(), strict=True)]
SPLIT = {"columns": COLUMNS, "data": [list(record.values()) for record in RECORDS]}
ROW = RECORDS[0]
FORMS = "'dataframe_split', 'dataframe_records', 'instances', 'inputs'"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("releases"))


@pytest.fixture(scope="module")
def server(bundle: Path) -> Iterator[Running]:
    with running(bundle=bundle) as server:
        yield server


@pytest.mark.parametrize(
    "request_body",
    [
        {"dataframe_split": SPLIT},
        {"dataframe_split": SPLIT | {"index": [5, 6, 7, 8, 9]}},
        {"dataframe_records": RECORDS},
        {"instances": RECORDS},
        {"inputs": RECORDS},
        {"inputs": dict(GOLDEN)},
        {"inputs": dict(GOLDEN) | {"colour": ["unknown"]}, "params": {"ignored": 1}},
    ],
)
def test_each_json_form_gets_the_models_numbers(server: Running, request_body: Any) -> None:
    answer = server.post(request_body)
    assert (answer.status, answer.release) == (200, "1.2.3")
    assert answer.json.keys() == {"predictions"}
    np.testing.assert_allclose(answer.json["predictions"], answers(GOLDEN), rtol=1e-12)


def test_csv_gets_the_models_numbers_and_keeps_text_as_text(server: Running) -> None:
    text = "distance,seats,carrier,tail,extra\n0.5,100,AA,N1,x\n-1.25,,UA,,x\n3,NA,00123,NA,x\n"
    rows: Rows = {"distance": [0.5, -1.25, 3], "seats": [100, None, None], "carrier": ["AA", "UA", "00123"],
            "tail": ["N1", None, "NA"]}  # fmt: skip
    answer = server.ask("POST", "/invocations", text.encode(), {"content-type": "text/csv; charset=UTF-8"})
    np.testing.assert_allclose(answer.json["predictions"], answers(rows), rtol=1e-12)


def test_a_large_request_is_answered_whole(server: Running) -> None:
    rng = np.random.default_rng(0)
    rows = {"distance": rng.normal(size=20_000).tolist(), "carrier": rng.choice(["AA", "UA"], 20_000).tolist()}
    np.testing.assert_allclose(server.post({"inputs": rows}).json["predictions"], answers(rows), rtol=1e-12)


def test_one_row_of_scalars_and_no_rows_are_answered_as_mlflow_does(server: Running) -> None:
    one = server.post({"inputs": ROW}).json["predictions"]
    np.testing.assert_allclose(one, answers(GOLDEN)[:1], rtol=1e-12)
    assert server.post({"dataframe_split": {"columns": COLUMNS, "data": []}}).json == {"predictions": []}


def test_a_regression_answers_plain_numbers(tmp_path: Path) -> None:
    with running(bundle=make_bundle(tmp_path, task="regression"), workers=1) as server:
        predictions = server.post({"dataframe_records": RECORDS}).json["predictions"]
    np.testing.assert_allclose(predictions, answers(GOLDEN, "regression"), rtol=1e-12)


def records(**second: Any) -> dict[str, Any]:
    return {"dataframe_records": [ROW, ROW | second]}


@pytest.mark.parametrize(
    ("request_body", "message"),
    [
        (records(distance="far"), "row 1, column 'distance': expected a finite number, got \"far\""),
        (records(distance="1.5"), "row 1, column 'distance': expected a finite number, got \"1.5\""),
        (records(distance=True), "row 1, column 'distance': expected a finite number, got true"),
        (records(distance=None), "row 1, column 'distance': expected a finite number, got null"),
        (records(distance=[1]), "row 1, column 'distance': expected a finite number, got [1]"),
        (records(seats=2.5), "row 1, column 'seats': expected an integer or null, got 2.5"),
        (records(seats=False), "row 1, column 'seats': expected an integer or null, got false"),
        (records(tail=5), "row 1, column 'tail': expected a string or null, got 5"),
        (records(tail={}), "row 1, column 'tail': expected a string or null, got {}"),
        (
            records(carrier="ZZ"),
            'row 1, column \'carrier\': expected one of "AA", "UA", "00123", got "ZZ"',
        ),
        (
            records(tail="\0null"),
            "row 1, column 'tail': expected a string other than the reserved null marker, got \"\\u0000null\"",
        ),
        (
            {"dataframe_records": [{"distance": 1}]},
            "column 'carrier' is missing, which the contract of 'flights' requires; got 'distance'",
        ),
        *(
            ({form: []}, "there are no rows to predict: the list of rows is empty")
            for form in ("dataframe_records", "instances", "inputs")
        ),
        *(
            (
                rows,
                "column 'distance' is missing, which the contract of 'flights' requires; "
                "got 'distence' (did you mean 'distance'?), 'carrier'",
            )
            for rows in (
                {"dataframe_records": [{"carrier": "AA", "distence": 1}]},
                {"instances": [{"carrier": "AA"}, {"distence": 1, "carrier": "UA"}]},
                {"inputs": {"distence": [1], "carrier": ["AA"]}},
                {"dataframe_split": {"columns": ["carrier", "distence"], "data": [["AA", 1]]}},
            )
        ),
        (
            {"dataframe_records": [{}]},
            "column 'distance', 'carrier' is missing, which the contract of 'flights' requires; got no columns",
        ),
        (
            {"dataframe_records": [ROW, 5]},
            "row 1: expected an object with one value per column, got a number",
        ),
        ({"dataframe_records": ROW}, "'dataframe_records' must be a list of objects, got an object"),
        (
            {"dataframe_split": {"columns": COLUMNS, "data": [[1, 2, "AA"]]}},
            "row 0: expected 4 values, one per column, got 3",
        ),
        (
            {"dataframe_split": {"data": [[1]]}},
            "'dataframe_split' must be an object with 'columns' and 'data', got 'data'",
        ),
        (
            {"dataframe_split": {"columns": ["distance", "distance"], "data": [[1, 2]]}},
            "column 'distance' appears 2 times",
        ),
        (
            {"inputs": {"distance": [1, 2], "carrier": ["AA"]}},
            "all columns must have the same number of rows, but 'distance' has 2, 'carrier' has 1",
        ),
        (
            {"inputs": {"distance": [1, 2], "carrier": "AA"}},
            "column 'carrier': expected a list with one value per row, got a string",
        ),
        (
            {"instances": [[1, 2, "AA", "N1"]]},
            "row 0: expected an object with one value per column, got a list; rows need column names, because the model has "
            "4 columns",
        ),
        (
            {"rows": []},
            f"the body must have exactly one of {FORMS}, got 'rows'",
        ),
        (
            {"inputs": [], "instances": []},
            f"the body must have exactly one of {FORMS}, got 'instances', 'inputs'",
        ),
        (
            [ROW],
            f"the body must be a JSON object with one of {FORMS}, got a list",
        ),
    ],
)
def test_the_error_of_a_bad_request_names_what_was_expected_and_what_it_got(
    server: Running, request_body: Any, message: str
) -> None:
    answer = server.post(request_body)
    assert (answer.status, answer.json) == (400, {"error_code": "BAD_REQUEST", "message": message})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not valid JSON"),
        (b'{"inputs": {"distance": NaN}}', "the body is not valid JSON"),
        (b'{"inputs": {"distance": [1e999], "carrier": ["AA"]}}', "the body is not valid JSON: Number out of range"),
        (b'{"inputs": {"distance": [1' + b"0" * 400 + b'], "carrier": ["AA"]}}', ""),
        (b'{"inputs": "\xff"}', "the body is not valid JSON"),
        (b"[" * 100_000, "the body is not valid JSON"),
    ],
)
def test_a_body_that_is_no_json_is_refused(server: Running, body: bytes, message: str) -> None:
    answer = server.ask("POST", "/invocations", body, JSON)
    assert (answer.status, answer.json["error_code"]) == (400, "BAD_REQUEST")
    assert message in answer.json["message"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "distence,carrier\n1,AA\n",
            "column 'distance' is missing, which the contract of 'flights' requires; "
            "got 'distence' (did you mean 'distance'?), 'carrier'",
        ),
        ("distance,carrier\n1,AA\nfar,UA\n", "row 1, column 'distance': expected a finite number, got \"far\""),
        ("distance,carrier\n1_0,AA\n", "row 0, column 'distance': expected a finite number, got \"1_0\""),
        ("distance,carrier\ninf,AA\n", "row 0, column 'distance': expected a finite number, got Infinity"),
        ("distance,carrier\n1\n", "row 0: expected 2 values, one per column of the header, got 1"),
        ("distance,distance,carrier\n1,1,AA\n", "column 'distance' appears 2 times"),
        ("", "expected CSV with a header line, got an empty body"),
        ('distance,carrier\n1,"AA', "the body is not CSV in UTF-8: unexpected end of data"),
    ],
)
def test_bad_csv_is_refused(server: Running, text: str, message: str) -> None:
    answer = server.ask("POST", "/invocations", text.encode(), {"content-type": "text/csv"})
    assert (answer.status, answer.json) == (400, {"error_code": "BAD_REQUEST", "message": message})


@pytest.mark.parametrize(
    ("method", "path", "content_type", "status"),
    [
        ("GET", "/nowhere", "", 404),
        ("POST", "/", "application/json", 405),
        ("GET", "/invocations", "", 405),
        ("POST", "/ping", "application/json", 405),
        ("POST", "/invocations", "", 415),
        ("POST", "/invocations", "text/plain", 415),
        ("POST", "/invocations", "application/json; charset=latin-1", 415),
    ],
)
def test_what_is_not_offered_is_refused(
    server: Running, method: str, path: str, content_type: str, status: int
) -> None:
    answer = server.ask(method, path, b"{}", {"content-type": content_type, "x-request-id": "mine-1"})
    assert answer.status == status
    assert answer.json.keys() == {"error_code", "message"}
    assert (answer.release, answer.headers["x-request-id"]) == ("1.2.3", "mine-1")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_root_leads_to_the_documentation(server: Running, method: str) -> None:
    answer = server.ask(method, "/")
    assert (answer.status, answer.headers["location"], answer.body) == (307, "/docs", b"")
    assert server.ask(method, answer.headers["location"]).status == 200


def test_an_unknown_route_is_named_with_the_page_that_lists_the_routes(server: Running) -> None:
    assert server.ask("GET", "/x").json == {"error_code": "ENDPOINT_NOT_FOUND", "message": "no route '/x'; see /docs"}


def test_health_and_version_tell_what_serves(server: Running, bundle: Path) -> None:
    assert [server.ask("GET", path).status for path in ("/ping", "/health")] == [200, 200]
    told = server.ask("GET", "/version").json
    assert (told["release"], told["digest"]) == ("1.2.3", verify(bundle).digest)
    assert Path(f"/proc/{told['pid']}").exists()
    assert told["server"]


def test_each_request_has_an_id_of_its_own_unless_the_caller_brings_one(server: Running) -> None:
    ids = {server.post({"inputs": ROW}).headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20
    assert server.post({"inputs": ROW}, **{"x-request-id": "abc/1"}).headers["x-request-id"] == "abc/1"
    assert server.post({"inputs": ROW}, **{"x-request-id": "x" * 500}).headers["x-request-id"] != "x" * 500


def test_the_example_on_stderr_works(server: Running) -> None:
    command = shlex.split(server.log.read_text().partition("try: ")[2].splitlines()[0])
    assert command[:2] == ["curl", "-s"]
    answer = server.ask("POST", "/invocations", command[-1].encode(), JSON)
    np.testing.assert_allclose(answer.json["predictions"], answers(GOLDEN)[:1], rtol=1e-12)


def test_neither_parent_nor_worker_imports_a_training_library(bundle: Path) -> None:
    program = (
        "import sys, asyncio; from pathlib import Path; import slipway.realtime.http.server, slipway.target.readiness\n"
        "parent = {'numpy', 'onnxruntime'} & set(sys.modules)\n"
        "from slipway.realtime.http.worker import Job; from slipway.realtime.http.options import Options\n"
        "from slipway.realtime.http.worker_entrypoint import make_app\n"
        f"app = make_app(Job(options=Options(), parent=1, bundle=Path({str(bundle)!r}))); app.worker.start()\n"
        "assert app.worker.serving is not None\n"
        "worker = {'pandas', 'sklearn', 'mlflow', 'pyarrow', 'pydantic', 'scipy', 'click'} & set(sys.modules)\n"
        "print(sorted(parent), sorted(worker))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"


def test_a_very_long_value_is_cut_in_the_message(server: Running) -> None:
    message = server.post(records(distance="x" * 10_000)).json["message"]
    assert len(message) < 300
    assert json.dumps("x" * 10)[:-1] in message
