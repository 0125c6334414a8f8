"""From settings to an unfitted scikit-learn pipeline: the one place to edit for a model of another shape."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from pipeline.component import SettingsError
from pipeline.component.contract import Contract

_CHOICES = {"categories": ("ordinal", "onehot"), "impute": ("", "median", "mean"), "scale": ("", "standard")}


def build_estimator(
    contract: Contract,
    *,
    estimator: str,
    parameters: Mapping[str, Any],
    preprocess: Mapping[str, str],
    seed: int,
) -> Pipeline:
    """An unfitted pipeline: string inputs encoded, numbers imputed and scaled as asked, then the estimator.

    ``preprocess`` takes ``categories`` (``ordinal`` or ``onehot``), ``impute`` (``median`` or ``mean``) and ``scale``
    (``standard``).

    Raises:
        SettingsError: the estimator, a parameter or a choice is unknown; the message suggests the nearest name.
    """
    for name, choice in preprocess.items():
        _known(name, _CHOICES, "train.preprocess")
        _known(choice, _CHOICES[name], f"train.preprocess.{name}")
    columns = ColumnTransformer(
        [
            ("categories", _categories(preprocess.get("categories", "ordinal")), contract.strings),
            ("numbers", _numbers(preprocess), contract.numbers),
        ]
    )
    return Pipeline([("preprocess", columns), ("model", _model(estimator, parameters, seed))])


def _categories(choice: str) -> Any:
    if choice == "onehot":
        return OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=np.nan)


def _numbers(preprocess: Mapping[str, str]) -> Any:
    steps: list[Any] = []
    if preprocess.get("impute"):
        steps.append(SimpleImputer(strategy=preprocess["impute"]))
    if preprocess.get("scale"):
        steps.append(StandardScaler())
    return make_pipeline(*steps) if steps else "passthrough"


def _model(place: str, parameters: Mapping[str, Any], seed: int) -> Any:
    module, _, name = place.rpartition(".")
    try:
        estimator = getattr(importlib.import_module(module), name)()
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise SettingsError(f"train.estimator: there is no estimator '{place}': {error}") from None
    known = estimator.get_params()
    for parameter in parameters:
        _known(parameter, known, f"train.parameters ({name})")
    if "random_state" in known:
        estimator.set_params(random_state=seed)
    return estimator.set_params(**parameters)


def _known(name: str, names: Iterable[str], place: str) -> None:
    if name in names:
        return
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"known are {', '.join(map(repr, sorted(names)))}"
    raise SettingsError(f"{place}: unknown '{name}'; {hint}")
