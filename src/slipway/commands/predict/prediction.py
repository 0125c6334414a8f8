"""Predict the rows that `slipway predict` is given, and describe the predictions for people and for machines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from slipway.commands.predict.given_rows import GivenRows
from slipway.contract.schema import Column, Contract
from slipway.inference.scorer import Scorer


@dataclass(frozen=True, slots=True)
class PredictedRow:
    """One row with its prediction: the number, or the probabilities of the classes and the label."""

    inputs: dict[str, Any]
    values: Any
    label: str | None

    def as_json(self, release: str, contract: Contract) -> dict[str, Any]:
        """Return the row for machines, with all digits; for classes also the label and the probability of each class."""
        row = {"release": release, "inputs": self.inputs, "prediction": self.values}
        if self.label is None:
            return row
        return row | {"label": self.label, "probabilities": dict(zip(contract.classes, self.values, strict=True))}


def predict_rows(given: GivenRows, scorer: Scorer) -> list[PredictedRow]:
    """Predict the rows.

    Raises:
        ContractError: a value violates the contract.
    """
    predictions = scorer.predict(given.columns)
    columns, contract = scorer.complete_columns(given.columns), scorer.contract
    return [
        PredictedRow(
            {column.name: _json_value(columns[column.name][row], column) for column in contract.inputs},
            values,
            None if predictions.labels is None else str(predictions.labels[row]),
        )
        for row, values in enumerate(predictions.values.tolist())
    ]


def prediction_lines(rows: Sequence[PredictedRow], release: str, contract: Contract) -> list[str]:
    """Describe the predictions for people: one row with its inputs, or one line per row."""
    # The build metadata (+commit) is for machines; a person recognizes a release without it.
    release = release.partition("+")[0]
    texts = [_describe_prediction(row, contract) for row in rows]
    if len(rows) != 1:
        return [f"{'release':<12}{release}", *(f"{f'row {number}':<12}{text}" for number, text in enumerate(texts))]
    width = max(len(name) for name in rows[0].inputs) + 2
    inputs = [f"{name:<{width}}{_format(value)}" for name, value in rows[0].inputs.items()]
    starts = ["input", *[""] * (len(inputs) - 1)]
    return [
        f"{contract.outputs[0].name:<10}  {texts[0]}   release {release}",
        *(f"{start:<12}{text}" for start, text in zip(starts, inputs, strict=True)),
    ]


def _describe_prediction(row: PredictedRow, contract: Contract) -> str:
    if row.label is None:
        return f"{row.values:.6g}"
    return f"{row.label} ({100 * row.values[contract.classes.index(row.label)]:.1f} %)"


def _json_value(value: Any, column: Column) -> Any:
    if column.type == "string":
        return value
    if math.isnan(value):
        return None
    return {"double": float, "long": int, "boolean": bool}[column.type](value)


def _format(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
