"""What cannot be exact is refused, in a sentence that names the class and, where there is one, the remedy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import AdaBoostClassifier, GradientBoostingRegressor, HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, QuantileTransformer

from slipway.contract.schema import Contract, outputs_of
from slipway.errors import ContractError
from slipway.steps.package.compiler.compile import compile_pipeline
from slipway.steps.package.compiler.errors import UnsupportedModelError
from slipway.steps.package.parity.parity import check_parity
from slipway.tables.data_frame import inputs_of
from tests.support.awkward_rows import INPUTS, contract_for, fitted, rows

NUMBERS = ["hour"]
IMPUTED = ColumnTransformer([("numbers", SimpleImputer(), ["hour", "delay"])])


class Doubled(HistGradientBoostingClassifier):  # type: ignore[misc]  # scikit-learn has no types
    """A subclass that predicts in its own way, so its parent's converter must not be used."""

    def predict_proba(self, rows: Any) -> Any:
        return super().predict_proba(rows)[:, ::-1]


class Balanced(HistGradientBoostingClassifier):  # type: ignore[misc]
    """A subclass that only fits in its own way."""

    def fit(self, rows: Any, labels: Any) -> Any:
        return super().fit(rows, labels, np.where(labels == labels[0], 2.0, 1.0))


def test_a_subclass_that_predicts_as_its_base_class_is_compiled_as_that() -> None:
    assert compile_pipeline(fitted(IMPUTED, Balanced(max_iter=3), 2), contract_for(2)).graph.node


@pytest.mark.parametrize("estimator", [AdaBoostClassifier(), KNeighborsClassifier(), Doubled()], ids=repr)
def test_an_estimator_without_a_converter_is_refused_by_name(estimator: Any) -> None:
    with pytest.raises(UnsupportedModelError, match=f"{type(estimator).__name__} has no converter"):
        compile_pipeline(fitted(IMPUTED, estimator, 2), contract_for(2))


@pytest.mark.parametrize(
    ("step", "columns", "reason"),
    [
        (QuantileTransformer(n_quantiles=5), NUMBERS, "QuantileTransformer has no converter"),
        (OrdinalEncoder(), ["origin"], "unseen category.*use_encoded_value"),
        (OneHotEncoder(), ["origin"], "unseen category.*handle_unknown='ignore'"),
        (FunctionTransformer(np.log1p), NUMBERS, "FunctionTransformer calls .*log1p"),
    ],
)
def test_a_step_without_an_exact_form_is_refused(step: Any, columns: list[str], reason: str) -> None:
    with pytest.raises(UnsupportedModelError, match=reason):
        compile_pipeline(fitted(ColumnTransformer([("it", step, columns)]), DummyClassifier(), 2), contract_for(2))


def test_an_answer_at_random_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="at random"):
        compile_pipeline(fitted(IMPUTED, DummyClassifier(strategy="uniform"), 2), contract_for(2))


def test_an_estimator_that_starts_from_another_is_refused() -> None:
    boosting = GradientBoostingRegressor(n_estimators=2, init=GradientBoostingRegressor(n_estimators=2))
    with pytest.raises(UnsupportedModelError, match="init estimator"):
        compile_pipeline(fitted(IMPUTED, boosting, 0), contract_for(0))


def test_a_class_that_the_contract_does_not_know_is_an_error_of_the_contract() -> None:
    other = Contract(
        "flights", "classification", INPUTS, outputs_of("classification", ("late", "never")), ("late", "never")
    )
    with pytest.raises(ContractError, match="never"):
        compile_pipeline(fitted(IMPUTED, DummyClassifier(), 2), other)


def test_columns_in_another_order_than_the_contract_are_an_error() -> None:
    other = Contract("flights", "regression", INPUTS[::-1], outputs_of("regression", ()))
    with pytest.raises(ContractError, match="was fitted on the columns"):
        compile_pipeline(fitted(IMPUTED, DummyClassifier(), 2), other)


def test_a_null_that_scikit_learn_itself_refuses_is_an_error_of_the_contract() -> None:
    contract, frame = contract_for(2), rows()
    known = frame.fillna({"delay": 0.0})
    model = fitted(ColumnTransformer([("n", "passthrough", ["hour"])]), LogisticRegression(), 2)
    model = type(model)(
        [("preprocess", ColumnTransformer([("n", "passthrough", ["hour", "delay"])])), ("model", LogisticRegression())]
    ).fit(inputs_of(known, contract), known.y2)
    with pytest.raises(ContractError, match=r"\(nulls\): Input X contains NaN"):
        check_parity(model, compile_pipeline(model, contract).SerializeToString(), contract, known, known)


def test_the_contracts_stand_in_for_null_may_not_be_a_category() -> None:
    frame, contract = rows(), contract_for(2)
    frame.loc[3, "carrier"] = contract.null_string
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    model = fitted(IMPUTED, DummyClassifier(), 2)
    model.set_params(preprocess=ColumnTransformer([("s", encoder, ["carrier"])])).fit(
        inputs_of(frame, contract), frame.y2
    )
    with pytest.raises(ContractError, match="choose another null_string"):
        compile_pipeline(model, contract)
