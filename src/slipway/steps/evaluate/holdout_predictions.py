"""Predict the holdout: the rows, labels and predictions that every metric and chart of the report is computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from slipway.contract.schema import Contract
from slipway.errors import ContractError, DataError, SettingsError
from slipway.reporting.suggestions import did_you_mean
from slipway.statistics.sample import Floats, Integers
from slipway.statistics.time_blocks import blocks_of
from slipway.tables.data_frame import inputs_of


@dataclass(frozen=True)
class ScoredHoldout:
    """Rows, labels, predictions ([N, classes] in the contract's order, or [N]) and the block of each row."""

    contract: Contract
    rows: pd.DataFrame
    slices: tuple[str, ...]
    time: pd.Series | None
    labels: npt.NDArray[Any]
    predictions: Floats
    block: str
    blocks: Integers

    @property
    def predicted_labels(self) -> npt.NDArray[Any]:
        """The most probable class of each row."""
        labels: npt.NDArray[Any] = np.array(self.contract.classes, object)[self.predictions.argmax(axis=1)]
        return labels

    def table(self) -> pd.DataFrame:
        """Return time and slice columns, the labels as ``truth``, and the output columns of the contract."""
        table = self.rows.assign(truth=self.labels)
        if self.contract.task == "regression":
            return table.assign(prediction=self.predictions)
        columns = {f"probability_{label}": self.predictions[:, k] for k, label in enumerate(self.contract.classes)}
        return table.assign(prediction=self.predicted_labels, **columns)


def score_holdout(
    model: Any,
    frame: pd.DataFrame,
    contract: Contract,
    *,
    target: str,
    time: str,
    block: str,
    slices: Sequence[str],
) -> ScoredHoldout:
    """Predict every row of the holdout.

    Raises:
        DataError: the holdout is empty, lacks the target or time column, has a null target, or has one class only.
        SettingsError: the holdout lacks a slice column.
        ContractError: the model has other classes than the contract, or no probabilities.
    """
    frame = frame.reset_index(drop=True)
    _check_columns(frame, target, time, slices)
    kept = [name for name in dict.fromkeys([time, *slices]) if name]
    timestamps = frame[time] if time else None
    return ScoredHoldout(
        contract,
        frame[kept],
        tuple(slices),
        timestamps,
        _read_labels(frame, contract, target),
        predict(model, frame, contract),
        block,
        blocks_of(timestamps, block, len(frame)),
    )


def predict(model: Any, frame: pd.DataFrame, contract: Contract) -> Floats:
    """Return the model's predictions: probabilities in the contract's class order, or numbers.

    Raises:
        ContractError: the model has other classes than the contract, or no probabilities.
    """
    inputs = inputs_of(frame, contract)
    if contract.task == "regression":
        return np.asarray(model.predict(inputs), np.float64).reshape(len(frame))
    if not hasattr(model, "predict_proba"):
        raise ContractError(
            f"the estimator of '{contract.name}' does not predict probabilities (it has no predict_proba)"
        )
    known = [str(label) for label in model.classes_]
    if sorted(known) != sorted(contract.classes):
        raise ContractError(
            f"the model has the classes {', '.join(known)}, but the contract has {', '.join(contract.classes)}"
        )
    order = [known.index(label) for label in contract.classes]
    return np.asarray(model.predict_proba(inputs), np.float64)[:, order]


def _check_columns(frame: pd.DataFrame, target: str, time: str, slices: Sequence[str]) -> None:
    if not len(frame):
        raise DataError("the holdout has no rows, so the model cannot be evaluated")
    for name in [target, time]:
        if name and name not in frame.columns:
            raise DataError(f"the holdout has no column '{name}'; it has {', '.join(map(str, frame.columns))}")
    for name in slices:
        if name not in frame.columns:
            raise SettingsError(f"slices: the holdout has no column '{name}'{did_you_mean(str(name), frame.columns)}")


def _read_labels(frame: pd.DataFrame, contract: Contract, target: str) -> npt.NDArray[Any]:
    truth = frame[target]
    if truth.isna().any():
        raise DataError(f"target '{target}' is null in {int(truth.isna().sum()):,} of {len(truth):,} holdout rows")
    if contract.task == "regression":
        return truth.to_numpy(np.float64)
    labels = truth.astype(str).to_numpy(object)
    if len(set(labels)) == 1:
        raise DataError(
            f"the target has one class only: '{target}' is '{labels[0]}' in all {len(labels):,} holdout rows"
        )
    return labels
