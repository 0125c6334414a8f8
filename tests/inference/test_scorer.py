"""A scorer gives the model's numbers for rows that keep the contract, and says what is wrong with the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from slipway.contract.schema import NULL_STRING, Task
from slipway.errors import BundleError, ContractError
from slipway.inference.scorer import columns_of, load
from slipway.inference.skops_file import save_model
from tests.support.bundles import CLASSES, GOLDEN, Rows, answers, labels, make_bundle, make_contract, seal


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_predictions_are_the_models_and_the_golden_rows_come_out_right(tmp_path: Path, task: Task) -> None:
    scorer = load(make_bundle(tmp_path, task=task))
    predictions = scorer.predict(columns_of(GOLDEN, scorer.contract))
    expected = answers(GOLDEN, task)
    np.testing.assert_allclose(predictions.values, expected, rtol=1e-12)
    named = None if predictions.labels is None else list(predictions.labels)
    assert named == (None if task == "regression" else labels(expected))
    scorer.check_golden()


def test_an_absent_nullable_column_is_all_nulls(tmp_path: Path) -> None:
    scorer = load(make_bundle(tmp_path))
    rows: Rows = {"distance": [1.0, 2.0], "carrier": ["AA", "UA"]}
    values = scorer.predict(columns_of(rows, scorer.contract)).values
    np.testing.assert_allclose(values, answers(rows), rtol=1e-12)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_no_rows_give_no_predictions(tmp_path: Path, task: Task) -> None:
    scorer = load(make_bundle(tmp_path, task=task))
    values = scorer.predict(columns_of({"distance": [], "carrier": []}, scorer.contract)).values
    assert values.shape == ((0,) if task == "regression" else (0, 3))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("distance", None, "row 1, column 'distance': expected a finite number, got null"),
        ("distance", np.inf, "row 1, column 'distance': expected a finite number, got Infinity"),
        ("seats", 1.5, "row 1, column 'seats': expected an integer or null, got 1.5"),
        ("carrier", "ZZ", 'row 1, column \'carrier\': expected one of "AA", "UA", "00123", got "ZZ"'),
        ("carrier", None, "row 1, column 'carrier': expected one of"),
        ("tail", 5, "row 1, column 'tail': expected a string or null, got 5"),
        (
            "tail",
            NULL_STRING,
            "row 1, column 'tail': expected a string other than the reserved null marker, got \"\\u0000null\"",
        ),
    ],
)
def test_a_value_that_breaks_the_contract_is_named(tmp_path: Path, column: str, value: Any, message: str) -> None:
    scorer = load(make_bundle(tmp_path))
    rows = {name: [*values[:1], value if name == column else values[1]] for name, values in GOLDEN.items()}
    with pytest.raises(ContractError) as caught:
        scorer.predict(columns_of(rows, scorer.contract))
    assert str(caught.value).startswith(message)


def test_every_problem_is_listed_in_the_order_of_the_rows(tmp_path: Path) -> None:
    scorer = load(make_bundle(tmp_path))
    rows: Rows = {"distance": [1.0, None, None], "carrier": ["ZZ", "AA", None]}
    found = scorer.find_violations(scorer.complete_columns(columns_of(rows, scorer.contract)))
    assert [(p.row, p.column) for p in found] == [(0, "carrier"), (1, "distance"), (2, "distance"), (2, "carrier")]


def test_a_missing_required_column_is_named(tmp_path: Path) -> None:
    scorer = load(make_bundle(tmp_path))
    with pytest.raises(ContractError, match="column 'carrier' is missing.*got 'distance'"):
        scorer.predict(columns_of({"distance": [1.0]}, scorer.contract))


def test_golden_predictions_beyond_a_billionth_are_refused(tmp_path: Path) -> None:
    expected = answers(GOLDEN)
    load(make_bundle(tmp_path, "1.0.0", golden=expected * (1 + 1e-11))).check_golden()
    with pytest.raises(BundleError, match="does not reproduce its golden predictions: row 0: expected"):
        load(make_bundle(tmp_path, "1.0.1", golden=expected * (1 + 1e-7))).check_golden()


def test_a_changed_model_is_never_loaded(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    (bundle / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(BundleError, match=r"'model.onnx' in .* has changed"):
        load(bundle)


def test_a_sealed_file_that_is_no_model_is_refused_in_a_sentence(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    (bundle / "model.onnx").write_bytes(b"not a model")
    seal(bundle, "1.2.3")
    with pytest.raises(BundleError, match=r"model.onnx of .* cannot be loaded"):
        load(bundle)


def test_a_model_of_another_contract_is_refused(tmp_path: Path) -> None:
    other = make_bundle(tmp_path / "other", task="regression")
    bundle = make_bundle(tmp_path)
    (bundle / "model.onnx").write_bytes((other / "model.onnx").read_bytes())
    seal(bundle, "1.2.3")
    with pytest.raises(BundleError, match="the outputs prediction, but the contract of 'flights'"):
        load(bundle)


@pytest.mark.parametrize("changes", [{"engine": "quantum"}, {"engine": "skops"}])
def test_an_engine_that_cannot_be_had_is_refused(tmp_path: Path, changes: dict[str, str]) -> None:
    bundle = make_bundle(tmp_path)
    seal(bundle, "1.2.3", **changes)
    with pytest.raises(BundleError, match=changes["engine"]):
        load(bundle)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_model_that_could_not_be_compiled_is_served_through_scikit_learn(tmp_path: Path, task: Task) -> None:
    fitted, frame = _fitted(task)
    bundle = make_bundle(tmp_path, task=task)
    (bundle / "model.onnx").unlink()
    save_model(fitted, bundle / "model.skops")
    seal(bundle, "1.2.3", engine="skops")
    scorer = load(bundle)
    predictions = scorer.predict(columns_of(GOLDEN, scorer.contract))
    values, named = predictions.values, predictions.labels
    if task == "regression":
        np.testing.assert_array_equal(values, fitted.predict(frame))
        return
    order = [list(fitted.classes_).index(name) for name in CLASSES]
    np.testing.assert_array_equal(values, fitted.predict_proba(frame)[:, order])
    assert named is not None
    assert list(named) == list(fitted.predict(frame))


def test_a_null_string_reaches_scikit_learn_as_in_training(tmp_path: Path) -> None:
    frame = pd.DataFrame({name: pd.Series(v, dtype=object) for name, v in GOLDEN.items() if name == "tail"})
    known = np.where(frame["tail"].isna(), CLASSES[0], np.where(frame["tail"] == "N1", CLASSES[1], CLASSES[2]))
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-2, encoded_missing_value=9)
    encode = ColumnTransformer([("text", codes, ["tail"])])
    fitted = Pipeline([("p", encode), ("m", DecisionTreeClassifier(random_state=0))]).fit(frame, known)
    bundle = make_bundle(tmp_path)
    (bundle / "model.onnx").unlink()
    save_model(fitted, bundle / "model.skops")
    seal(bundle, "1.2.3", engine="skops")
    scorer = load(bundle)
    assert list(scorer.predict(columns_of(GOLDEN, scorer.contract)).labels) == list(known)


def _fitted(task: Task) -> tuple[Any, pd.DataFrame]:
    """A pipeline fitted on the golden rows, whose classes are in another order than the contract's."""
    frame = pd.DataFrame({name: pd.Series(values, dtype=object if name in {"carrier", "tail"} else float)
                          for name, values in GOLDEN.items()})  # fmt: skip
    encode = ColumnTransformer([("text", OneHotEncoder(handle_unknown="ignore"), ["carrier", "tail"])],
                               remainder="passthrough")  # fmt: skip
    if task == "regression":
        return Pipeline([("p", encode), ("m", DecisionTreeRegressor(random_state=0))]).fit(
            frame, [1, 2, 3, 4, 5.5]
        ), frame
    labels = [CLASSES[i % 3] for i in range(5)]
    return Pipeline([("p", encode), ("m", DecisionTreeClassifier(random_state=0))]).fit(frame, labels), frame


def test_columns_that_the_contract_does_not_name_are_left_out() -> None:
    assert columns_of({"distance": [1], "colour": ["red"]}, make_contract()).keys() == {"distance"}
