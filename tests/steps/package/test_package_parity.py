"""Every estimator behind every kind of preprocessing says in ONNX what it says in scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
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
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, PoissonRegressor, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from slipway.steps.package.compiler.compile import compile_pipeline
from slipway.steps.package.parity.parity import check_parity
from tests.support.awkward_rows import contract_for, fitted, rows

NUMBERS, STRINGS = ["distance", "hour", "delay", "freight"], ["carrier", "origin"]
ORDINAL = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)


def columns(strings: Any, numbers: Any, **kwargs: Any) -> ColumnTransformer:
    return ColumnTransformer([("strings", strings, STRINGS), ("numbers", numbers, NUMBERS)], **kwargs)


WITH_NULLS: dict[str, Any] = {
    "ordinal": columns(ORDINAL, "passthrough"),
    "ordinal, unknown as NaN": columns(
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan), "passthrough"
    ),
    "ordinal, missing as -2": columns(
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2), StandardScaler()
    ),
    "ordinal, rare grouped": columns(
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=99, max_categories=3), MinMaxScaler(clip=True)
    ),
    "ordinal on numbers": ColumnTransformer([("codes", ORDINAL, ["hour", "delay", "carrier"])], remainder="drop"),
    "target": columns(TargetEncoder(random_state=0), RobustScaler()),
    "drop and remainder": ColumnTransformer(
        [("no", "drop", ["hour"]), ("strings", ORDINAL, STRINGS)], remainder="passthrough"
    ),
}
WITHOUT_NULLS: dict[str, Any] = {
    "one hot": columns(OneHotEncoder(handle_unknown="ignore"), make_pipeline(SimpleImputer(), StandardScaler())),
    "one hot, rare grouped, first dropped": columns(
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=3, drop="first", sparse_output=False),
        make_pipeline(SimpleImputer(strategy="median", add_indicator=True), MaxAbsScaler()),
    ),
    "strings imputed": columns(
        make_pipeline(
            SimpleImputer(missing_values=None, strategy="constant", fill_value="none"),
            OneHotEncoder(handle_unknown="warn"),
        ),
        make_pipeline(SimpleImputer(strategy="most_frequent"), RobustScaler(with_centering=False)),
    ),
    "strings imputed by the commonest": columns(
        make_pipeline(SimpleImputer(missing_values=None, strategy="most_frequent"), ORDINAL),
        make_pipeline(SimpleImputer(strategy="constant", fill_value=-1), MinMaxScaler((-1, 2))),
    ),
    "selected": Pipeline(
        [
            ("columns", columns(OneHotEncoder(handle_unknown="ignore", sparse_output=False), SimpleImputer())),
            ("variance", VarianceThreshold(0.01)),
            ("best", SelectKBest(k=6)),
        ]
    ),
}
ALL = {**WITH_NULLS, **WITHOUT_NULLS}

TREES = {"random_state": 0}
TAKES_NULLS: list[tuple[Any, int]] = [
    (HistGradientBoostingClassifier(max_iter=20, **TREES), 2),
    (HistGradientBoostingClassifier(max_iter=8, **TREES), 3),
    (HistGradientBoostingRegressor(max_iter=20, **TREES), 0),
    (RandomForestClassifier(15, **TREES), 2),
    (RandomForestClassifier(15, **TREES), 3),
    (RandomForestRegressor(15, **TREES), 0),
    (ExtraTreesClassifier(15, **TREES), 2),
    (ExtraTreesRegressor(15, **TREES), 0),
    (DecisionTreeClassifier(max_depth=5, **TREES), 3),
    (DecisionTreeRegressor(max_depth=5, **TREES), 0),
    (DummyClassifier(), 2),
    (DummyRegressor(), 0),
]
WANTS_NUMBERS: list[tuple[Any, int]] = [
    (GradientBoostingClassifier(n_estimators=15, **TREES), 2),
    (GradientBoostingClassifier(n_estimators=15, loss="exponential", **TREES), 2),
    (GradientBoostingClassifier(n_estimators=8, init="zero", **TREES), 3),
    (GradientBoostingRegressor(n_estimators=15, loss="huber", **TREES), 0),
    (LogisticRegression(max_iter=50), 2),
    (LogisticRegression(max_iter=50), 3),
    (LinearRegression(), 0),
    (Ridge(), 0),
    (Lasso(), 0),
    (ElasticNet(), 0),
    (PoissonRegressor(), 0),
]


def told(case: tuple[Any, int]) -> str:
    return f"{type(case[0]).__name__}-{case[1]}"


def proof_of(steps: Any, estimator: Any, classes: int) -> dict[str, Any]:
    model, contract = fitted(clone(steps), clone(estimator), classes), contract_for(classes)
    return check_parity(
        model, compile_pipeline(model, contract).SerializeToString(), contract, rows(200, seed=1), rows()
    )


def assert_exact(proof: dict[str, Any], kinds: set[str]) -> None:
    assert proof["ok"], proof
    assert kinds <= set(proof["kinds"])
    assert all(kind["rows"] > 0 for kind in proof["kinds"].values())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("steps", ALL.values(), ids=ALL.keys())
@pytest.mark.parametrize(
    "case",
    [(HistGradientBoostingClassifier(max_iter=10, **TREES), 2), (RandomForestRegressor(5, **TREES), 0)],
    ids=told,
)
def test_every_preprocessing_is_exact(steps: Any, case: tuple[Any, int]) -> None:
    if steps is ALL["one hot"] or steps is ALL["strings imputed"]:
        steps = clone(steps).set_params(sparse_threshold=0)
    assert_exact(proof_of(steps, *case), {"holdout", "nulls", "unseen", "thresholds"})


@pytest.mark.parametrize("case", TAKES_NULLS, ids=told)
def test_every_estimator_that_takes_nulls_is_exact(case: tuple[Any, int]) -> None:
    assert_exact(proof_of(ALL["ordinal, unknown as NaN"], *case), {"holdout", "nulls", "unseen"})


@pytest.mark.parametrize("case", WANTS_NUMBERS, ids=told)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_estimator_that_wants_numbers_is_exact(case: tuple[Any, int]) -> None:
    assert_exact(proof_of(ALL["one hot"], *case), {"holdout", "nulls", "unseen"})


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "gamma", "poisson", "quantile"])
def test_every_loss_goes_through_its_own_link(loss: str) -> None:
    boosting = HistGradientBoostingRegressor(loss=loss, quantile=0.8, max_iter=20, random_state=0)
    assert_exact(proof_of(ALL["ordinal"], boosting, 0), {"thresholds"})


@pytest.mark.parametrize("classes", [2, 3, 0])
def test_categories_that_the_trees_split_themselves_are_exact(classes: int) -> None:
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    boosting = kind(max_iter=20, categorical_features=[0, 1, 3], min_samples_leaf=5, random_state=0)
    for steps in ("ordinal", "ordinal, unknown as NaN", "ordinal, missing as -2"):
        assert_exact(proof_of(ALL[steps], boosting, classes), {"thresholds"})


@pytest.mark.parametrize("strategy", ["prior", "most_frequent", "constant"])
def test_a_dummy_answers_by_its_strategy(strategy: str) -> None:
    assert_exact(proof_of(ALL["ordinal"], DummyClassifier(strategy=strategy, constant="late"), 3), {"holdout"})


def test_a_tree_that_never_splits_is_exact() -> None:
    assert_exact(
        proof_of(ALL["ordinal"], HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=400), 2), {"nulls"}
    )


@settings(max_examples=15)
@given(
    seed=st.integers(0, 1000),
    leaves=st.integers(2, 40),
    iterations=st.integers(1, 20),
    classes=st.sampled_from([0, 2, 3]),
    categorical=st.sampled_from([None, [0], [0, 1]]),
)
def test_any_boosting_is_exact(
    seed: int, leaves: int, iterations: int, classes: int, categorical: list[int] | None
) -> None:
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    boosting = kind(
        random_state=seed,
        max_leaf_nodes=leaves,
        max_iter=iterations,
        min_samples_leaf=2,
        categorical_features=categorical,
    )
    assert_exact(proof_of(ALL["ordinal"], boosting, classes), {"thresholds"})
