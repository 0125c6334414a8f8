"""Makes real candidates as the pipeline does, on rows whose truth is known, and says what a verdict blames."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder
from threadpoolctl import threadpool_limits

from slipway.bundle.release_file import Bundle
from slipway.bundle.seal import seal
from slipway.bundle.verdict import Verdict
from slipway.contract.schema import Column, Contract, outputs_of, read_contract
from slipway.gate.candidate import predictions_of
from slipway.gate.policy import GatePolicy
from slipway.pipeline.candidate import Candidate
from slipway.statistics.metrics import score
from slipway.tables.data_frame import inputs_of, write_parquet
from slipway.versioning.checkout_version import Version

CLASSES = ("on time", "late")
SPLIT = {"by": "time", "train_until": "2013-09-30", "holdout_from": "2013-10-01"}
POLICY = GatePolicy(
    target="y",
    time="day",
    block="day",
    minimum={"roc_auc": 0.55},
    maximum={"roc_auc": 0.99},
    slices=("origin",),
    minimum_slice_rows=300,
    maximum_calibration_error=0.9,
)
ORIGINS = np.array(["EWR", "JFK", "LGA"], dtype=object)

Build = Callable[..., Candidate]


def rows(count: int, seed: int) -> pd.DataFrame:
    """Late where a hidden score is high; two numbers and the origin tell some of it."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.normal(size=count), "b": rng.normal(size=count)})
    frame["origin"] = ORIGINS[rng.choice(3, count, p=[0.45, 0.2, 0.35])]
    frame["leak"] = rng.normal(size=count)
    frame["day"] = pd.Timestamp("2013-10-01") + pd.to_timedelta(rng.integers(0, 40, count), unit="D")
    hidden = frame.a + np.sin(2 * frame.b) + (frame.origin == "EWR") + rng.normal(size=count)
    frame["y"] = np.where(hidden > 0.4, "late", "on time")
    frame["minutes"] = 30 * hidden
    return frame


TRAIN, HOLDOUT = rows(4_000, seed=1), rows(3_000, seed=2)


def contract_for(target: str, inputs: tuple[str, ...], classes: tuple[str, ...] = CLASSES) -> Contract:
    columns = tuple(Column(name, "string" if name == "origin" else "double", nullable=name == "a") for name in inputs)
    if target == "minutes":
        return Contract("flights", "regression", columns, outputs_of("regression", ()))
    return Contract("flights", "classification", columns, outputs_of("classification", classes), classes)


def fitted(train: pd.DataFrame, contract: Contract, target: str, max_iter: int, seed: int) -> Pipeline:
    estimators = {"y": HistGradientBoostingClassifier, "minutes": HistGradientBoostingRegressor}
    unknown = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    steps = ColumnTransformer([("strings", unknown, contract.strings)], remainder="passthrough")
    estimator = estimators[target](max_iter=max_iter, random_state=seed, max_features=0.7)
    pipeline = Pipeline([("preprocess", steps), ("model", estimator)])
    # Threads that wait for one another on a busy machine make a fit of half a second take twenty.
    with threadpool_limits(1, "openmp"):
        return pipeline.fit(inputs_of(train, contract), train[target])


def measured(model: Any, holdout: pd.DataFrame, contract: Contract, target: str) -> dict[str, float]:
    inputs = inputs_of(holdout, contract)
    if contract.task == "regression":
        return score(contract, holdout[target], model.predict(inputs))
    order = [list(model.classes_).index(label) for label in contract.classes]
    return score(contract, holdout[target], model.predict_proba(inputs)[:, order])


def released(candidate: Candidate, into: Path, version: str = "1.3.2") -> Bundle:
    name = Version(version, "c" * 40, dirty=False, exact=True)
    return seal(
        candidate, name.text, name.commit, Verdict("publish", (), True), name="flights", lock_digest="1" * 64, into=into
    )


def copied(candidate: Candidate, folder: Path) -> Candidate:
    """A copy whose files a test may change."""
    shutil.copytree(candidate.model, folder / "model")
    shutil.copy(candidate.metrics, folder / "metrics.json")
    return replace(candidate, model=folder / "model", metrics=folder / "metrics.json")


def rejudged(candidate: Candidate, holdout: pd.DataFrame, folder: Path) -> Candidate:
    """The same model with other rows to judge it by, and with true scores on them."""
    contract = read_contract(candidate.model / "contract.json")
    write_parquet(holdout, folder / "holdout.parquet")
    answers = predictions_of(candidate, contract, holdout)
    scores = score(contract, holdout["y"].astype(str).to_numpy(object), answers)
    (folder / "metrics.json").write_text(json.dumps({"metrics": scores}))
    return replace(candidate, holdout=folder / "holdout.parquet", metrics=folder / "metrics.json", scores=scores)


def blamed(verdict: Verdict) -> list[str]:
    assert verdict.verdict == ("refuse" if verdict.broken else "publish")
    return [rule.rule for rule in verdict.broken]


def judged(verdict: Verdict) -> set[str]:
    return {rule.rule for rule in verdict.rules if rule.judged}


def shuffled(values: pd.Series) -> Any:
    return values.to_numpy()[np.random.default_rng(0).permutation(len(values))]
