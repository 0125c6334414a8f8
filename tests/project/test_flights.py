"""From data to a served champion, on the example that ships: one model, and the same answers wherever it is asked."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq
import pytest
import tritonclient.http as triton

from slipway.contract.schema import Column, read_contract
from slipway.inference.skops_file import load_model
from slipway.tables.data_frame import inputs_of
from tests.support.eventually import eventually
from tests.support.flights import BIN, Flights, environment_for_people
from tests.support.running_server import JSON, Answer, Running, running

pytestmark = pytest.mark.slow
Array = npt.NDArray[np.float64]
LOAD = """
import sys
import mlflow.pyfunc, pandas, numpy
model = mlflow.pyfunc.load_model(sys.argv[1])
numpy.save(sys.argv[3], model.predict(pandas.read_parquet(sys.argv[2])))
"""


@pytest.fixture(scope="module")
def rows(flights: Flights) -> pd.DataFrame:
    return flights.rows()


@pytest.fixture(scope="module")
def expected(flights: Flights, rows: pd.DataFrame) -> Array:
    return answers(flights, rows)


def answers(flights: Flights, rows: pd.DataFrame) -> Array:
    """What scikit-learn's own model, as training logged it to MLflow, says of the rows; classes in contract order."""
    contract = read_contract(flights.root / "contract.json")
    model = load_model(flights.files_of("train") / "model.skops")
    found: Array = model.predict_proba(inputs_of(rows, contract))
    return found[:, [list(model.classes_).index(label) for label in contract.classes]]


@pytest.fixture(scope="module")
def server(flights: Flights) -> Iterator[Running]:
    with running(target=flights.root / ".slipway/target") as server:
        yield server


@pytest.fixture
def bundle(flights: Flights, tmp_path: Path) -> Path:
    """A copy of the champion's bundle, for what might write into it."""
    return Path(shutil.copytree(flights.bundle, tmp_path / "bundle"))


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as JSON values, null where nothing is known."""
    found: list[dict[str, Any]] = rows.astype(object).where(rows.notna(), None).to_dict("records")
    return found


def split(rows: pd.DataFrame) -> dict[str, Any]:
    return {"columns": list(rows), "data": [list(record.values()) for record in records(rows)]}


def agree(found: Any, expected: Array) -> None:
    np.testing.assert_allclose(np.array(found, dtype=np.float64), expected, rtol=1e-9, atol=0)


def content(folder: Path) -> dict[str, str]:
    """Every file and folder, each file with its digest."""
    files = sorted(folder.rglob("*"))
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "" for p in files
    }


def test_the_rows_hold_nulls_and_categories_that_training_never_saw(flights: Flights, rows: pd.DataFrame) -> None:
    seen = pd.read_parquet(flights.files_of("split") / "train.parquet")
    for column, stranger in {"carrier": "ZZ", "dest": "nowhere", "manufacturer": "WRIGHT BROTHERS"}.items():
        assert (rows[column] == stranger).sum() > 2
        assert not (seen[column] == stranger).any()
    contract = read_contract(flights.root / "contract.json")
    assert [c.name for c in contract.inputs if c.nullable and not rows[c.name].isna().any()] == []
    assert len(rows) == 1000


FORMS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "dataframe_split": split,
    "dataframe_records": records,
    "instances": records,
    "inputs": lambda rows: {name: [record[name] for record in records(rows)] for name in rows},
}


@pytest.mark.parametrize("form", FORMS)
def test_http_answers_as_scikit_learn_does(form: str, server: Running, rows: pd.DataFrame, expected: Array) -> None:
    answer = server.post({form: FORMS[form](rows)})
    assert (answer.status, answer.release) == (200, "1.0.0"), answer.body
    agree(answer.json["predictions"], expected)


def test_http_answers_csv_as_scikit_learn_does(server: Running, rows: pd.DataFrame, expected: Array) -> None:
    answer = server.ask("POST", "/invocations", rows.to_csv(index=False).encode(), {"content-type": "text/csv"})
    assert (answer.status, answer.release) == (200, "1.0.0"), answer.body
    agree(answer.json["predictions"], expected)


def test_a_closed_column_takes_its_own_values_only(server: Running, rows: pd.DataFrame) -> None:
    row = records(rows)[0]
    assert server.post({"dataframe_records": [row]}).status == 200
    refused = server.post({"dataframe_records": [row | {"origin": "PHL"}]})
    assert refused.status == 400
    assert refused.json["message"] == 'row 0, column \'origin\': expected one of "EWR", "JFK", "LGA", got "PHL"'


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_batch_answers_as_scikit_learn_does(
    suffix: str, flights: Flights, rows: pd.DataFrame, expected: Array, tmp_path: Path
) -> None:
    source, out = tmp_path / f"rows.{suffix}", tmp_path / "scores.parquet"
    rows.to_parquet(source) if suffix == "parquet" else rows.to_csv(source, index=False)
    told = flights.json("batch", str(source), str(out), "--keep", "carrier")
    assert (told["rows"], told["release"]) == (1000, "1.0.0")
    scores = pq.read_table(out).to_pandas()
    agree(scores[["probability_on_time", "probability_late"]], expected)
    assert set(scores["release"]) == {"1.0.0"}
    assert scores["carrier"].tolist() == rows["carrier"].tolist()
    assert scores["prediction"].tolist() == [["on_time", "late"][i] for i in expected.argmax(axis=1)]


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_a_dataset_answers_as_scikit_learn_does(
    suffix: str, flights: Flights, rows: pd.DataFrame, expected: Array, tmp_path: Path
) -> None:
    source, out = tmp_path / f"rows.{suffix}", tmp_path / "scores"
    if suffix == "jsonl":
        source.write_text("".join(json.dumps(record) + "\n" for record in records(rows)))
    else:
        rows.to_parquet(source) if suffix == "parquet" else rows.to_csv(source, index=False)
    told = flights.json("batch", str(source), str(out), "--keep", "carrier")
    assert told["rows"] == {"in": 1000, "scored": 1000, "quarantined": 0}
    scores = pq.read_table(out).to_pandas()
    agree(scores[["probability_on_time", "probability_late"]], expected)
    assert scores["carrier"].tolist() == rows["carrier"].tolist()
    assert scores["prediction"].tolist() == [["on_time", "late"][i] for i in expected.argmax(axis=1)]


def test_batch_http_and_scikit_learn_agree_on_20_000_rows_with_nulls_and_strangers(
    flights: Flights, server: Running, tmp_path: Path
) -> None:
    rows = flights.rows(20_000)
    for column, stranger in {"carrier": "ZZ", "dest": "nowhere", "manufacturer": "WRIGHT BROTHERS"}.items():
        rows.loc[rows.sample(500, random_state=len(column)).index, column] = stranger
    expected = answers(flights, rows)
    rows.to_parquet(tmp_path / "rows.parquet")
    flights.slipway("batch", str(tmp_path / "rows.parquet"), str(tmp_path / "scores"), "--keep", "carrier")
    scores = pq.read_table(tmp_path / "scores").to_pandas()
    agree(scores[["probability_on_time", "probability_late"]], expected)
    halves = [server.post({"dataframe_split": split(half)}) for half in (rows[:10_000], rows[10_000:])]
    agree([row for half in halves for row in half.json["predictions"]], expected)


def test_mlflow_predict_answers_as_scikit_learn_does_and_leaves_the_bundle_alone(
    bundle: Path, rows: pd.DataFrame, expected: Array, tmp_path: Path
) -> None:
    before, source, out = content(bundle), tmp_path / "rows.json", tmp_path / "answers.json"
    source.write_text(json.dumps({"dataframe_split": split(rows)}))
    arguments = ["-m", str(bundle), "-i", str(source), "-o", str(out), "-t", "json", "--env-manager", "local"]
    mlflow(*arguments, verb="predict")
    agree(json.loads(out.read_text())["predictions"], expected)
    assert content(bundle) == before


@pytest.mark.parametrize("bytecode", [True, False], ids=["with byte code", "without byte code"])
def test_mlflow_loads_the_bundle_unchanged_and_leaves_it_alone(
    bytecode: bool, bundle: Path, rows: pd.DataFrame, expected: Array, tmp_path: Path
) -> None:
    before, source, out = content(bundle), tmp_path / "rows.parquet", tmp_path / "answers.npy"
    rows.to_parquet(source)
    environment = environment_for_people() | {"PYTHONDONTWRITEBYTECODE": "1"}
    if bytecode:
        del environment["PYTHONDONTWRITEBYTECODE"]
    command = [sys.executable, "-c", LOAD, str(bundle), str(source), str(out)]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    agree(np.load(out), expected)
    assert content(bundle) == before


def test_mlflow_serves_the_bundle_unchanged_with_the_same_answers_in_all_forms(
    bundle: Path, server: Running, rows: pd.DataFrame, expected: Array, tmp_path: Path
) -> None:
    before = content(bundle)
    with mlflow_server(bundle, tmp_path / "log") as port:
        for form, told in FORMS.items():
            theirs = asked(port, json.dumps({form: told(rows)}).encode(), "application/json")
            ours = server.post({form: told(rows)}).json
            # MLflow makes the text "None" of a null string in the two forms that it takes for tensors.
            alike = rows["manufacturer"].notna() if form in {"instances", "inputs"} else rows["origin"].notna()
            assert theirs.keys() == ours.keys()
            agree(np.array(theirs["predictions"])[alike], expected[alike])
            agree(ours["predictions"], expected)
        csv = rows.to_csv(index=False).encode()
        agree(asked(port, csv, "text/csv")["predictions"], expected)
    assert content(bundle) == before


def asked(port: int, body: bytes, content_type: str) -> Any:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", body, {"content-type": content_type})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@pytest.mark.parametrize("binary", [True, False], ids=["in bytes", "in JSON"])
def test_tritons_client_gets_the_same_answers_over_v2(
    binary: bool, flights: Flights, server: Running, rows: pd.DataFrame, expected: Array
) -> None:
    contract = read_contract(flights.root / "contract.json")
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("flights")
        assert client.get_model_metadata("flights")["versions"] == ["1.0.0"]
        whole = rows.dropna()
        inputs = [tensor(column, whole[column.name], binary) for column in contract.inputs]
        wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("prediction", "probability_late")]
        told = client.infer("flights", inputs, "1.0.0", outputs=wanted)
    agree(told.as_numpy("probability_late"), expected[rows.notna().all(axis=1)][:, 1])
    assert told.get_response()["model_version"] == "1.0.0"
    assert set(told.as_numpy("prediction").tolist()) <= {b"on_time", b"late", "on_time", "late"}


def tensor(column: Column, values: pd.Series[Any], binary: bool) -> triton.InferInput:
    datatype, kind = {"double": ("FP64", "<f8"), "long": ("INT64", "<i8"), "string": ("BYTES", object)}[column.type]
    made = triton.InferInput(column.name, [len(values)], datatype)
    made.set_data_from_numpy(values.to_numpy().astype(kind), binary_data=binary)
    return made


def test_v2_takes_nulls_in_json(flights: Flights, server: Running, rows: pd.DataFrame, expected: Array) -> None:
    contract, lists = read_contract(flights.root / "contract.json"), FORMS["inputs"](rows)
    kinds = {"double": "FP64", "long": "INT64", "string": "BYTES"}
    inputs = [
        {"name": c.name, "shape": [len(rows), 1], "datatype": kinds[c.type], "data": lists[c.name]}
        for c in contract.inputs
    ]
    answer = server.ask("POST", "/v2/models/flights/infer", json.dumps({"inputs": inputs}).encode(), JSON)
    assert (answer.status, answer.release) == (200, "1.0.0"), answer.body
    outputs = {output["name"]: output["data"] for output in answer.json["outputs"]}
    agree(np.column_stack([outputs["probability_on_time"], outputs["probability_late"]]), expected)
    assert outputs["prediction"] == [["on_time", "late"][i] for i in expected.argmax(axis=1)]


def test_one_release_serves_everywhere(flights: Flights, server: Running) -> None:
    told = flights.json("status")
    place = told["targets"][0]
    assert {told["registry"]["release"], place["batch"]["release"], place["realtime"]["release"]} == {"1.0.0"}
    asked = server.ask("GET", "/version").json
    assert asked["release"] == "1.0.0"
    assert asked["digest"] == place["batch"]["digest"] == flights.json("verify", str(flights.bundle))["digest"]


def test_predict_gives_the_answer_that_http_gives_to_its_row(flights: Flights, server: Running) -> None:
    told = flights.json("predict")
    answer: Answer = server.post({"dataframe_records": [told["inputs"]]})
    assert answer.json == {"predictions": [told["prediction"]]}
    assert answer.release == told["release"] == "1.0.0"


def test_the_scores_are_the_known_ones_of_september(flights: Flights) -> None:
    told = flights.json("run")
    assert 0.70 < told["scores"]["roc_auc"] < 0.72
    holdout = pd.read_parquet(flights.files_of("split") / "holdout.parquet")
    assert set(holdout["time"].dt.month) == {9}


def test_ship_tells_a_person_the_steps_the_scores_the_verdict_the_release_and_where_the_report_is(
    flights: Flights,
) -> None:
    steps, told = flights.shipped["stderr"], flights.shipped["stdout"]
    ran = ["ingest", "validate", "split", "train", "evaluate", "package", "gate", "seal", "roll out", "register"]
    assert re.findall(r"^([a-z ]+?) +\d+\.\d s$", steps, re.MULTILINE) == ran
    assert told.startswith("27,010 holdout rows, 95 % intervals by day\n")
    assert re.search(r"^roc_auc +0\.71\d   0\.\d+ to 0\.\d+$", told, re.MULTILINE)
    assert re.search(
        r"^gate passed 1\.0\.0: all \d+ rules passed; first release, so there was no champion", told, re.MULTILINE
    )
    assert (
        f"\n1.0.0 is live for batch and real time at {flights.root}/.slipway/target; test predictions succeeded\n"
        in told
    )
    report = re.search(r"^report +(\S+)$", told, re.MULTILINE)
    assert report
    assert "<title>Evaluation of flights</title>" in Path(report[1]).read_text()


def test_the_request_that_ship_proposes_gets_an_answer(flights: Flights, server: Running) -> None:
    proposed = re.search(r"^ +(curl .*)$", flights.shipped["stdout"], re.MULTILINE)
    assert proposed
    command = proposed[1].replace(":8080/", f":{server.port}/")
    answered = subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True).stdout
    (probabilities,) = json.loads(answered)["predictions"]
    assert sum(probabilities) == pytest.approx(1)


def test_run_tells_the_scores_and_the_report_to_people_and_machines_alike(flights: Flights) -> None:
    told, machine = flights.slipway("run").stdout, flights.json("run")
    assert f"\nreport    {machine['report']}\n" in told
    assert re.search(rf"^roc_auc +{machine['scores']['roc_auc']:.3f} ", told, re.MULTILINE)
    assert machine["model_uri"].startswith("runs:/")
    assert all(set(step) == {"name", "seconds", "cached", "version"} for step in machine["steps"])


def test_shipping_the_same_again_runs_no_component_and_writes_no_rollout(flights: Flights) -> None:
    before = flights.json("history")
    assert flights.json("ship")["champion"] == "1.0.0"
    steps = flights.json("run")["steps"]
    assert [step["name"] for step in steps] == ["ingest", "validate", "split", "train", "evaluate", "package"]
    assert all(step["cached"] for step in steps)
    assert flights.json("history") == before


def mlflow(*arguments: str, verb: str) -> None:
    command = [str(BIN / "mlflow"), "models", verb, *arguments]
    done = subprocess.run(command, env=environment_for_people(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@contextmanager
def mlflow_server(bundle: Path, log: Path) -> Iterator[int]:
    """`mlflow models serve` on a free port, once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ["-m", str(bundle), "-p", str(port), "-w", "1", "--env-manager", "local"]
    command = [str(BIN / "mlflow"), "models", "serve", *arguments]
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, env=environment_for_people(), stdout=file, stderr=file, start_new_session=True
        )
    try:
        assert eventually(lambda: "startup complete" in log.read_text() or process.poll() is not None, 120)
        assert process.poll() is None, log.read_text()
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
