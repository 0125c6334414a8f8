"""The same requests to MLflow's own scoring server, so the claim to speak its protocol is checked against it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tests.support.bundles import GOLDEN, answers, make_bundle
from tests.support.running_server import Answer, Running, running

ROWS: dict[str, list[Any]] = {name: [values[i] for i in (0, 2)] for name, values in GOLDEN.items()}
RECORDS = [dict(zip(ROWS, row, strict=True)) for row in zip(*ROWS.values(), strict=True)]
SPLIT: dict[str, list[Any]] = {"columns": list(ROWS), "data": [list(record.values()) for record in RECORDS]}
Ask = Callable[[bytes, str], Answer]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(bundle=make_bundle(tmp_path_factory.mktemp("releases")), workers=1) as server:
        yield server


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.pyfunc.scoring_server import invocations
    from mlflow.types import ColSpec, Schema

    class Model(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
        # Without type hints, which MLflow would take for a signature.
        def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
            nullable = {name: model_input[name].replace({np.nan: None}).tolist() for name in model_input.columns}
            return answers(nullable)

    columns: Any = [ColSpec("double", "distance"), ColSpec("double", "seats", required=False),
               ColSpec("string", "carrier"), ColSpec("string", "tail", required=False)]  # fmt: skip
    path = tmp_path_factory.mktemp("mlflow") / "model"
    mlflow.pyfunc.save_model(path, python_model=Model(), signature=ModelSignature(inputs=Schema(columns)))
    model = mlflow.pyfunc.load_model(str(path))

    def ask(body: bytes, content_type: str) -> Answer:
        try:
            schema = model.metadata.get_input_schema()
            answer = invocations(body, content_type, model, schema)  # type: ignore[no-untyped-call]
        except mlflow.exceptions.MlflowException as error:
            theirs: Any = error
            return Answer(theirs.get_http_status_code(), {}, theirs.serialize_as_json().encode())
        return Answer(answer.status, {}, answer.response.encode())

    return ask


@pytest.mark.parametrize(
    "request_body",
    [
        {"dataframe_split": SPLIT},
        {"dataframe_split": {"columns": [*ROWS, "more"], "data": [[*row, 1] for row in SPLIT["data"]]}},
        {"dataframe_split": {"columns": ["carrier", "distance"], "data": [["AA", 2], ["UA", 3.5]]}},
        {"dataframe_records": RECORDS},
        {"dataframe_records": [{"distance": 1, "carrier": "AA", "tail": None}]},
        {"instances": RECORDS},
        {"inputs": ROWS},
        {"inputs": RECORDS},
        {"inputs": RECORDS[0]},
        {"dataframe_records": RECORDS, "params": {"any": 1}},
    ],
)
def test_both_servers_give_the_same_answer(server: Running, mlflow_server: Ask, request_body: Any) -> None:
    theirs = mlflow_server(json.dumps(request_body).encode(), "application/json")
    ours = server.post(request_body)
    assert (ours.status, theirs.status) == (200, 200)
    assert ours.json.keys() == theirs.json.keys()
    np.testing.assert_allclose(ours.json["predictions"], theirs.json["predictions"], rtol=1e-12)


def test_both_servers_read_csv_alike(server: Running, mlflow_server: Ask) -> None:
    text = b"distance,seats,carrier,tail\n0.5,,00123,\n1,3,AA,N1\n"
    ours = server.ask("POST", "/invocations", text, {"content-type": "text/csv"})
    theirs = mlflow_server(text, "text/csv")
    np.testing.assert_allclose(ours.json["predictions"], theirs.json["predictions"], rtol=1e-12)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[1]",
        b"{}",
        json.dumps({"inputs": ROWS, "instances": RECORDS}).encode(),
        json.dumps({"instances": [[1.0, 2, "AA", "N1"]]}).encode(),
        json.dumps({"dataframe_records": [{"distance": 1}]}).encode(),
        json.dumps({"dataframe_split": {"columns": ["distance"]}}).encode(),
    ],
)
def test_both_servers_refuse_with_the_same_status_and_shape(server: Running, mlflow_server: Ask, body: bytes) -> None:
    ours = server.ask("POST", "/invocations", body, {"content-type": "application/json"})
    theirs = mlflow_server(body, "application/json")
    assert (ours.status, theirs.status) == (400, 400)
    assert ours.json.keys() == {"error_code", "message"} <= theirs.json.keys()
