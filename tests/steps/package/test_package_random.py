"""Pipelines put together at random: each is compiled and exact on rows of its own, or falls back to skops aloud."""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, example, given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from components.package.run import package
from slipway.contract.schema import encode_contract
from slipway.errors import ContractError
from slipway.inference.skops_file import save_model
from slipway.steps.package.mlflow_flavor.slipway_model_1 import Model
from slipway.tables.data_frame import inputs_of, write_parquet
from tests.support.awkward_rows import contract_for, fitted, rows
from tests.support.sampling import ALL

STRINGS, NUMBERS = ["carrier", "origin"], ["distance", "hour", "delay", "freight", "seats"]
seen: dict[str, int] = {"onnx": 0, "skops": 0}
refusals: list[str] = []

ordinal = st.builds(
    OrdinalEncoder,
    handle_unknown=st.sampled_from(["use_encoded_value", "use_encoded_value", "use_encoded_value", "error"]),
    unknown_value=st.sampled_from([-1, 50, np.nan]),
    encoded_missing_value=st.sampled_from([np.nan, -2]),
    min_frequency=st.sampled_from([None, 5, 0.15]),
    max_categories=st.sampled_from([None, 2, 4]),
).map(lambda encoder: encoder.set_params(unknown_value=None) if encoder.handle_unknown == "error" else encoder)
one_hot = st.builds(
    OneHotEncoder,
    handle_unknown=st.sampled_from(["ignore", "infrequent_if_exist", "warn", "error"]),
    drop=st.sampled_from([None, "first", "if_binary"]),
    min_frequency=st.sampled_from([None, 5, 0.15]),
    max_categories=st.sampled_from([None, 2, 4]),
    sparse_output=st.booleans(),
)
filled_strings = st.sampled_from(
    [
        SimpleImputer(missing_values=None, strategy="constant", fill_value="none"),
        SimpleImputer(missing_values=None, strategy="most_frequent"),
        SimpleImputer(missing_values=None, strategy="constant", fill_value="none", add_indicator=True),
    ]
)
strings = st.one_of(
    ordinal, one_hot, st.builds(make_pipeline, filled_strings, st.one_of(ordinal, one_hot)), st.just("drop")
)
imputer = st.builds(
    SimpleImputer,
    strategy=st.sampled_from(["mean", "median", "most_frequent", "constant"]),
    add_indicator=st.booleans(),
    keep_empty_features=st.booleans(),
)
scaler = st.one_of(
    st.builds(StandardScaler, with_mean=st.booleans(), with_std=st.booleans()),
    st.builds(MinMaxScaler, feature_range=st.sampled_from([(0, 1), (-3, 7)]), clip=st.booleans()),
)
numbers = st.one_of(
    st.just("passthrough"),
    imputer,
    scaler,
    st.builds(make_pipeline, imputer, scaler),
    st.builds(make_pipeline, scaler, imputer),
)
seeds = st.integers(0, 99)
size = {"random_state": seeds, "n_estimators": st.integers(1, 12), "max_depth": st.sampled_from([None, 1, 4])}
boosted = {"random_state": seeds, "n_estimators": st.integers(1, 12), "learning_rate": st.sampled_from([0.1, 1.0])}
histogram = {
    "random_state": seeds,
    "max_iter": st.integers(1, 12),
    "min_samples_leaf": st.sampled_from([1, 20]),
    "categorical_features": st.sampled_from([None, [0], [0, 1]]),
}
tree = {"random_state": seeds, "max_depth": st.sampled_from([None, 1, 5]), "min_samples_leaf": st.sampled_from([1, 9])}
EXAMPLES = 100 if ALL else 25

classifiers = st.one_of(
    st.builds(HistGradientBoostingClassifier, **histogram),
    st.builds(RandomForestClassifier, **size),
    st.builds(ExtraTreesClassifier, **size),
    st.builds(GradientBoostingClassifier, **boosted),
    st.builds(DecisionTreeClassifier, **tree),
    st.builds(LogisticRegression, C=st.sampled_from([0.1, 1.0]), max_iter=st.just(50), fit_intercept=st.booleans()),
)
regressors = st.one_of(
    st.builds(HistGradientBoostingRegressor, loss=st.sampled_from(["squared_error", "poisson"]), **histogram),
    st.builds(RandomForestRegressor, **size),
    st.builds(ExtraTreesRegressor, **size),
    st.builds(GradientBoostingRegressor, **boosted),
    st.builds(DecisionTreeRegressor, **tree),
    st.builds(Ridge, alpha=st.sampled_from([0.1, 10.0])),
    st.builds(Lasso, alpha=st.sampled_from([0.01, 1.0])),
    st.builds(ElasticNet, alpha=st.sampled_from([0.01, 1.0]), fit_intercept=st.booleans()),
)
models = st.one_of(
    st.tuples(st.just(0), regressors), st.tuples(st.just(2), classifiers), st.tuples(st.just(3), classifiers)
)


def fit(steps: Any, estimator: Any, classes: int) -> Pipeline:
    """scikit-learn itself may refuse a mix, such as nulls before a linear model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return fitted(steps, estimator, classes)
        except ValueError:
            assume(False)
            raise


def packaged(folder: Path, model: Pipeline, classes: int) -> Path:
    save_model(model, folder / "model.skops")
    write_parquet(rows(150, seed=1), folder / "holdout.parquet")
    write_parquet(rows(), folder / "train.parquet")
    (folder / "contract.json").write_bytes(encode_contract(contract_for(classes)))
    package(
        folder,
        model=folder / "model.skops",
        train=folder / "train.parquet",
        holdout=folder / "holdout.parquet",
        contract=folder / "contract.json",
    )
    return folder / "model"


def said_by_scikit_learn(model: Pipeline, frame: Any, classes: int) -> Any:
    inputs = inputs_of(frame, contract_for(classes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not classes:
            return model.predict(inputs)
        order = [list(model.classes_).index(label) for label in contract_for(classes).classes]
        return model.predict_proba(inputs)[:, order]


@pytest.fixture(scope="module", autouse=True)
def _went_each_way() -> Iterator[None]:
    """Otherwise the test below would say nothing."""
    yield
    assert seen["onnx"] >= EXAMPLES * 2 / 5, seen
    assert seen["skops"] >= 2, seen
    assert refusals


@settings(
    max_examples=EXAMPLES,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@example("drop", SimpleImputer(), (2, KNeighborsClassifier()), "drop")
@example("drop", SimpleImputer(), (0, KNeighborsRegressor()), "drop")
@given(strings=strings, numbers=numbers, chosen=models, remainder=st.sampled_from(["drop", "passthrough"]))
def test_a_pipeline_is_compiled_and_exact_or_falls_back_aloud(
    strings: Any, numbers: Any, chosen: tuple[int, Any], remainder: str
) -> None:
    classes, estimator = chosen
    left_out = NUMBERS[-1:] if remainder == "passthrough" else []
    steps = ColumnTransformer(
        [("strings", strings, STRINGS), ("numbers", numbers, [n for n in NUMBERS if n not in left_out])],
        remainder=remainder,
    )
    model = fit(steps, estimator, classes)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr(
            logging.getLogger("slipway.steps.package.step"), "warning", lambda text, *a: said.append(text % a)
        )
        try:
            made = packaged(Path(folder), model, classes)
        except ContractError as error:
            refusals.append(str(error))
            return
        proof = json.loads((made / "proof.json").read_text())
        seen[proof["engine"]] += 1
        assert {path.name for path in made.glob("model.*")} == {f"model.{proof['engine']}"}
        assert bool(said) == (proof["engine"] == "skops")
        if proof["engine"] == "skops":
            # The proof never fails for what has a converter: it falls back because the settings have no exact form.
            assert proof["failed"] is None, proof
            assert proof["reason"] in said[0]
        fresh = rows(200, seed=7)
        expected = said_by_scikit_learn(model, fresh, classes)
        np.testing.assert_allclose(Model(made).predict(fresh), expected, rtol=1e-9, atol=1e-12)
