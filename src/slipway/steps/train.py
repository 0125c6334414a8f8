"""Train: build preprocessing and estimator from a project's settings, and fit the model."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from slipway.contract.schema import Contract, read_contract
from slipway.errors import DataError, SettingsError
from slipway.inference.own_code import find_class
from slipway.inference.skops_file import save_model
from slipway.reporting.suggestions import did_you_mean
from slipway.tables.data_frame import inputs_of, read_parquet

__all__ = ["build_estimator", "build_preprocessing", "fit", "read_contract"]

_CHOICES = {"categories": ("ordinal", "onehot"), "impute": ("", "median", "mean"), "scale": ("", "standard")}


def build_preprocessing(contract: Contract, choices: Mapping[str, str]) -> ColumnTransformer:
    """Build the preprocessing: string inputs are encoded, numbers are imputed and scaled as set in ``choices``.

    ``choices`` takes ``categories`` (``ordinal`` or ``onehot``), ``impute`` (``median`` or ``mean``) and ``scale``
    (``standard``).

    Raises:
        SettingsError: a choice is unknown; the message suggests the nearest name.
    """
    for name, choice in choices.items():
        _check_known(name, _CHOICES, "train.preprocess")
        _check_known(choice, _CHOICES[name], f"train.preprocess.{name}")
    return ColumnTransformer(
        [
            ("categories", _build_encoder(choices.get("categories", "ordinal")), contract.strings),
            ("numbers", _build_number_steps(choices), contract.numbers),
        ]
    )


def _build_encoder(choice: str) -> Any:
    if choice == "onehot":
        return OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=np.nan)


def _build_number_steps(preprocess: Mapping[str, str]) -> Any:
    steps: list[Any] = []
    if preprocess.get("impute"):
        steps.append(SimpleImputer(strategy=preprocess["impute"]))
    if preprocess.get("scale"):
        steps.append(StandardScaler())
    return make_pipeline(*steps) if steps else "passthrough"


def build_estimator(class_path: str, parameters: Mapping[str, Any], *, task: str, seed: int) -> Any:
    """Build an unfitted estimator of the class ``package.module.Name`` with its parameters and, if it takes one, the seed.

    Raises:
        SettingsError: the class or a parameter is unknown, or is for another task.
    """
    estimator = _load_class(class_path)()
    fits_task = is_classifier if task == "classification" else is_regressor
    if not fits_task(estimator) or not hasattr(type(estimator), "fit"):
        mixin = "ClassifierMixin" if task == "classification" else "RegressorMixin"
        raise SettingsError(
            f"train.estimator: '{class_path}' is not an estimator for {task}, which inherits {mixin} and has a method fit"
        )
    known = estimator.get_params()
    for parameter in parameters:
        _check_known(parameter, known, f"train.parameters ({type(estimator).__name__})")
    # The seed first, so that a `random_state` among the parameters overrides it.
    if "random_state" in known:
        estimator.set_params(random_state=seed)
    return estimator.set_params(**parameters)


def fit(
    model: Pipeline, train: Path, contract: Contract, target: str, out: Path, own_classes: Sequence[str] = ()
) -> dict[str, float]:
    """Fit the model on the rows of ``train`` and write ``model.skops``; the project's ``own_classes`` may be in it.

    Raises:
        SettingsError: the estimator does not accept a parameter's value.
        DataError: a feature is null in every row, or the target is null somewhere.
        BundleError: the model contains other classes than scikit-learn's and ``own_classes``.
    """
    frame = read_parquet(train)
    features = inputs_of(frame, contract)
    empty = [name for name in features if features[name].isna().all()]
    if empty:
        raise DataError(f"all {len(features)} training rows are null in {', '.join(map(repr, empty))}")
    if frame[target].isna().any():
        raise DataError(f"{int(frame[target].isna().sum())} of {len(frame)} training rows have no '{target}'")
    try:
        model.fit(features, frame[target].to_numpy())
    except InvalidParameterError as error:
        raise SettingsError(f"train.parameters: {error}") from None
    save_model(model, out / "model.skops", own_classes)
    return {"rows": len(features), "features": len(features.columns)}


def _load_class(class_path: str) -> type[BaseEstimator]:
    """Import the class ``package.module.Name``, which must be a scikit-learn estimator without required arguments."""
    found = find_class(class_path, "train.estimator")
    if not (isinstance(found, type) and issubclass(found, BaseEstimator)):
        raise SettingsError(f"train.estimator: '{class_path}' is not a scikit-learn estimator")
    needed = [p.name for p in inspect.signature(found).parameters.values() if p.default is p.empty]
    if needed:
        raise SettingsError(
            f"train.estimator: '{class_path}' requires {', '.join(needed)}, which settings cannot provide"
        )
    return found


def _check_known(name: str, known: Iterable[str], setting: str) -> None:
    if name in known:
        return
    hint = did_you_mean(name, known, f"choose one of {', '.join(map(repr, sorted(known)))}")
    raise SettingsError(f"{setting}: unknown '{name}'{hint}")
