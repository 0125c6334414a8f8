"""Fit the estimator that the settings name."""

from __future__ import annotations

from pathlib import Path

from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import InvalidParameterError

from slipway.contract.schema import Contract
from slipway.errors import DataError, SettingsError
from slipway.inference.skops_file import save_model
from slipway.tables.data_frame import inputs_of, read_parquet


def fit(model: Pipeline, train: Path, contract: Contract, target: str, out: Path) -> dict[str, float]:
    """Fit the model on the rows of ``train`` and write ``model.skops``.

    Raises:
        SettingsError: a parameter's value is none that the estimator takes.
        DataError: a feature is null in every row, or the target is null somewhere.
    """
    frame = read_parquet(train)
    features = inputs_of(frame, contract)
    empty = [name for name in features if features[name].isna().all()]
    if empty:
        raise DataError(f"every one of {len(features)} training rows is null in {', '.join(map(repr, empty))}")
    if frame[target].isna().any():
        raise DataError(f"{int(frame[target].isna().sum())} of {len(frame)} training rows have no '{target}'")
    try:
        model.fit(features, frame[target].to_numpy())
    except InvalidParameterError as error:
        raise SettingsError(f"train.parameters: {error}") from None
    save_model(model, out / "model.skops")
    return {"rows": len(features), "features": len(features.columns)}
