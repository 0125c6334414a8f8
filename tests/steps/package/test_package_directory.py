"""The model directory: whole, without a pickle, the same bytes each time, and loadable by MLflow alone."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import OrdinalEncoder

from components.package.run import package
from slipway.errors import DataError
from slipway.pipeline.component import parameters_of
from slipway.statistics.reference import decode_reference
from slipway.steps.package.parity.predictions import Predictions
from slipway.steps.package.step import describe_holdout as reference
from slipway.tables.data_frame import inputs_of
from tests.support.awkward_rows import Packaged, contract_for, fitted, rows

FILES = {
    "MLmodel",
    "code.zip",
    "conda.yaml",
    "contract.json",
    "golden.json",
    "proof.json",
    "python_env.yaml",
    "reference.json",
    "requirements.txt",
}
NUMBERS, STRINGS = ["distance", "hour", "delay", "freight", "seats"], ["carrier", "origin"]
STEPS = ColumnTransformer(
    [
        ("strings", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), STRINGS),
        ("numbers", "passthrough", NUMBERS),
    ]
)
LOAD = """
import json, sys
import mlflow.pyfunc
import pandas as pd
golden = json.load(open(sys.argv[1] + "/golden.json"))
frame = pd.DataFrame({name: pd.Series(values) for name, values in golden["inputs"].items()})
model = mlflow.pyfunc.load_model(sys.argv[1])
answers = model.predict(frame.drop(columns=sys.argv[2:]))
loaded = [name for name in ("sklearn", "slipway") if name in sys.modules]
print(json.dumps({"answers": answers.tolist(), "loaded": loaded, "code": sys.modules["slipway_model_1"].__file__}))
"""


def boosting(classes: int) -> Any:
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    return fitted(STEPS, kind(max_iter=10, random_state=0), classes)


def neighbours() -> Any:
    numbers = ColumnTransformer([("numbers", SimpleImputer(), ["hour", "delay"])])
    return fitted(numbers, KNeighborsClassifier(5), 2)


def digests(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*")}


def loaded_elsewhere(folder: Path, *without: str) -> dict[str, Any]:
    """What a fresh process, in which Slipway's own code cannot be imported by accident, answers to the golden rows."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(folder), *without],
        check=True,
        capture_output=True,
        text=True,
        cwd=folder.parent,
        env={k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")},
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.parametrize("classes", [2, 3, 0])
def test_mlflow_in_another_process_gives_the_golden_predictions(packaged: Packaged, classes: int) -> None:
    folder = packaged(boosting(classes), classes)
    before = digests(folder)
    found = loaded_elsewhere(folder)
    golden = json.loads((folder / "golden.json").read_text())
    assert found["answers"] == golden["predictions"]
    assert found["loaded"] == []
    assert found["code"].startswith(str(folder / "code.zip"))
    assert digests(folder) == before
    assert set(before) == FILES | {"model.onnx"}


def test_golden_rows_show_nulls_an_unseen_category_and_scikit_learns_own_labels(packaged: Packaged) -> None:
    model = boosting(3)
    folder = packaged(model, 3)
    golden = json.loads((folder / "golden.json").read_text())
    inputs, contract = golden["inputs"], contract_for(3)
    assert [len(values) for values in inputs.values()] == [20] * len(contract.inputs)
    assert all(inputs[column.name][0] is None for column in contract.inputs if column.nullable)
    assert inputs["carrier"][-1] not in (None, "AA", "B6", "DL", "UA", "é")
    assert set(inputs["origin"]) <= {"EWR", "JFK", "LGA"}
    assert {type(value) for value in inputs["hour"]} == {int}
    assert {type(value) for value in inputs["seats"]} == {int, type(None)}
    assert {type(value) for value in inputs["freight"]} == {bool, type(None)}
    frame = inputs_of(pd.DataFrame({k: pd.Series(v, dtype=object) for k, v in inputs.items()}), contract)
    assert golden["labels"] == model.predict(frame).tolist()
    order = [list(model.classes_).index(label) for label in contract.classes]
    assert np.allclose(golden["predictions"], model.predict_proba(frame)[:, order], rtol=0, atol=1e-12)


def test_a_nullable_column_may_be_left_out(packaged: Packaged) -> None:
    folder = packaged(boosting(2))
    golden = json.loads((folder / "golden.json").read_text())
    absent = [column.name for column in contract_for(2).inputs if column.nullable]
    found = loaded_elsewhere(folder, *absent)
    assert found["answers"][0] == golden["predictions"][0]


@pytest.mark.parametrize(
    "seats",
    [pd.Series([150, 20]), pd.Series([150, None]), pd.Series([150, None], dtype="Int64"), pd.Series([None, None])],
    ids=["int64", "float64", "Int64", "object"],
)
def test_a_nullable_whole_number_may_come_as_pandas_makes_it(packaged: Packaged, seats: pd.Series) -> None:
    model = mlflow.pyfunc.load_model(str(packaged(boosting(2))))
    frame = pd.DataFrame({"hour": [7, 9], "origin": ["JFK", "LGA"]})
    plain = model.predict(frame.assign(seats=seats.astype("float64")))
    assert np.array_equal(model.predict(frame.assign(seats=seats)), plain)


def test_the_same_model_gives_the_same_bytes(packaged: Packaged) -> None:
    model = boosting(2)
    assert digests(packaged(model, name="first")) == digests(packaged(model, name="second"))


def test_there_is_no_pickle_and_no_time_and_every_requirement_is_pinned(packaged: Packaged) -> None:
    folder = packaged(boosting(2))
    face = yaml.safe_load((folder / "MLmodel").read_text())
    assert face["utc_time_created"].startswith("2000-01-01")
    assert face["flavors"]["python_function"]["loader_module"] == "slipway_model_1"
    assert all("==" in line for line in (folder / "requirements.txt").read_text().splitlines())
    assert zipfile.ZipFile(folder / "code.zip").namelist() == ["slipway_model_1.py"]
    assert "pickle" not in (folder / "MLmodel").read_text()


def test_what_has_no_converter_is_served_by_scikit_learn_and_said_aloud(
    packaged: Packaged, caplog: pytest.LogCaptureFixture
) -> None:
    model = neighbours()
    with caplog.at_level(logging.WARNING):
        folder = packaged(model)
    assert set(digests(folder)) == FILES | {"model.skops"}
    proof = json.loads((folder / "proof.json").read_text())
    assert (proof["engine"], proof["reason"]) == (
        "skops",
        "KNeighborsClassifier has no converter to ONNX as a classifier",
    )
    assert proof["reason"] in caplog.text
    before = digests(folder)
    found = loaded_elsewhere(folder)
    assert found["answers"] == json.loads((folder / "golden.json").read_text())["predictions"]
    assert digests(folder) == before
    assert "scikit-learn==" in (folder / "requirements.txt").read_text()


def test_a_graph_that_fails_its_proof_is_not_shipped(packaged: Packaged, monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.ensemble import RandomForestClassifier

    from slipway.steps.package.compiler import tree_estimators as trees
    from slipway.steps.package.compiler.matrix import as_tensor

    steps = ColumnTransformer([("numbers", "passthrough", ["distance", "hour", "delay"])])
    monkeypatch.setattr(trees, "as_float32", as_tensor)
    folder = packaged(fitted(steps, RandomForestClassifier(10, random_state=0), 2))
    proof = json.loads((folder / "proof.json").read_text())
    assert proof["engine"] == "skops"
    assert "thresholds" in proof["reason"]
    assert proof["failed"]["kinds"]["thresholds"]["largest_difference"] > 1e-3
    assert (folder / "model.skops").exists()
    assert not (folder / "model.onnx").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hour": None}, "hour"),
        ({"origin": "SFO"}, "SFO"),
        ({"carrier": "\x00null"}, "represents a missing string"),
    ],
)
def test_the_face_refuses_rows_that_break_the_contract(packaged: Packaged, change: dict[str, Any], said: str) -> None:
    model = mlflow.pyfunc.load_model(str(packaged(boosting(2))))
    row = {"distance": 1.0, "carrier": "AA", "hour": 7, "delay": None, "origin": "JFK", "freight": True} | change
    frame = pd.DataFrame([row]).astype({"delay": "float64"})
    with pytest.raises(Exception, match=said):
        model.predict(frame)


def test_the_proof_says_what_was_compared(packaged: Packaged) -> None:
    folder = packaged(boosting(2))
    proof = json.loads((folder / "proof.json").read_text())
    assert proof["ok"]
    assert proof["onnx_sha256"] == digests(folder)["model.onnx"]
    assert proof["kinds"]["holdout"]["rows"] == 120
    assert proof["thresholds"]["questions"] == proof["thresholds"]["tried"] > 0


def test_the_project_file_declares_the_functions_parameters() -> None:
    project = yaml.safe_load((Path(__file__).parents[3] / "components" / "package" / "MLproject").read_text())
    entry = project["entry_points"]["main"]
    signature = parameters_of(package)
    assert list(entry["parameters"]) == list(signature)
    assert all(f"--{name} {{{name}}}" in entry["command"] for name in signature)
    defaults = {n: p.default for n, p in signature.items() if p.default is not inspect.Parameter.empty}
    assert {n: p["default"] for n, p in entry["parameters"].items() if "default" in p} == defaults


@pytest.mark.parametrize("classes", [2, 3, 0])
def test_the_reference_counts_every_holdout_row_in_every_column_and_the_answers(
    packaged: Packaged, classes: int
) -> None:
    folder = packaged(boosting(classes), classes)
    made = decode_reference((folder / "reference.json").read_bytes(), "reference.json")
    first, *others = [column.name for column in contract_for(classes).outputs]
    answers = [first, *(others[1:] if classes == 2 else others)]
    assert list(made.columns) == [*(column.name for column in contract_for(classes).inputs), *answers]
    assert made.rows == 120
    assert {sum(map(sum, kind.counts)) for kind in made.columns.values()} == {120}
    assert [name for name, kind in made.columns.items() if kind.prediction] == answers


def test_the_reference_is_of_what_is_served_also_where_nothing_compiles(packaged: Packaged) -> None:
    folder = packaged(neighbours())
    made = decode_reference((folder / "reference.json").read_bytes(), "reference.json")
    assert {sum(map(sum, kind.counts)) for kind in made.columns.values()} == {120}


def test_blocks_of_time_need_a_time_column(tmp_path: Path) -> None:
    model, frame, contract = boosting(2), rows(50, seed=1), contract_for(2)
    answers = Predictions(model.predict_proba(inputs_of(frame, contract)), np.array(["x"] * 50, dtype=object))
    with pytest.raises(DataError, match="the holdout has no column 'when', which its blocks by day need"):
        reference(frame, frame, contract, answers, time="when", block="day")
    frame["when"] = pd.date_range("2013-09-01", periods=50, freq="6h")
    made = reference(frame, frame, contract, answers, time="when", block="day")
    assert len(made.blocks) == 13
