"""Fit the estimator that the settings name."""

from __future__ import annotations

from pathlib import Path

from sklearn.utils._param_validation import InvalidParameterError

from slipway.contract.schema import read_contract
from slipway.errors import DataError, SettingsError
from slipway.inference.skops_file import save_model
from slipway.steps.train.estimator import build_estimator
from slipway.tables.data_frame import inputs_of, read_parquet


def train(
    out: Path,
    *,
    train: Path,
    contract: Path,
    target: str,
    estimator: str,
    parameters: dict,  # type: ignore[type-arg]  # the harness looks a parameter's plain type up
    preprocess: dict,  # type: ignore[type-arg]
    seed: int = 0,
) -> dict[str, float]:
    """Write ``model.skops``: the same inputs and seed always give the same predictions.

    Raises:
        SettingsError: there is no such estimator or parameter, or a parameter's value is none that it takes.
        DataError: a feature is null in every row, or the target is null somewhere.
    """
    public, frame = read_contract(contract), read_parquet(train)
    features = inputs_of(frame, public)
    empty = [name for name in features if features[name].isna().all()]
    if empty:
        raise DataError(f"every one of {len(features)} training rows is null in {', '.join(map(repr, empty))}")
    if frame[target].isna().any():
        raise DataError(f"{int(frame[target].isna().sum())} of {len(frame)} training rows have no '{target}'")
    model = build_estimator(public, estimator=estimator, parameters=parameters, preprocess=preprocess, seed=seed)
    try:
        model.fit(features, frame[target].to_numpy())
    except InvalidParameterError as error:
        raise SettingsError(f"train.parameters: {error}") from None
    save_model(model, out / "model.skops")
    return {"rows": len(features), "features": len(features.columns)}
