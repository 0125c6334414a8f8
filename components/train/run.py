"""Train: fit one scikit-learn pipeline, from the columns that a caller sends to the estimator in the settings."""

from __future__ import annotations

from pathlib import Path

from sklearn.pipeline import Pipeline

from slipway.pipeline.component import main
from slipway.steps.train import build_estimator, build_preprocessing, fit, read_contract


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
    own_classes: str = "",
) -> dict[str, float]:
    """Write ``model.skops``: the same inputs and seed always give the same predictions.

    ``own_classes`` (comma-separated) may be in it besides scikit-learn's, such as the estimator or one that it contains.

    Raises:
        SettingsError: the estimator or a parameter does not exist, or a parameter's value is invalid.
        DataError: a feature is null in every row, or the target is null somewhere.
    """
    public = read_contract(contract)
    model = Pipeline(
        [
            ("preprocess", build_preprocessing(public, preprocess)),
            ("model", build_estimator(estimator, parameters, task=public.task, seed=seed)),
        ]
    )
    return fit(model, train, public, target, out, own_classes.split(",") if own_classes else [])


if __name__ == "__main__":
    main(train)
