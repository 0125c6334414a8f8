"""Choose golden rows: a few rows with the model's predictions, which a target repeats to prove that it works."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from slipway.contract.schema import Column, Contract
from slipway.steps.package.parity.perturbations import UNSEEN_CATEGORIES
from slipway.tables.data_frame import inputs_of

MAX_ROWS = 20


def golden_rows(frame: pd.DataFrame, contract: Contract, seed: int) -> pd.DataFrame:
    """Choose rows of the holdout; if the contract allows it, the first have nulls and the last has unseen categories."""
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(frame))[:MAX_ROWS])
    rows = inputs_of(frame.iloc[chosen], contract).reset_index(drop=True)
    nullable = [column for column in contract.inputs if column.nullable]
    open_strings = [column for column in contract.inputs if column.type == "string" and not column.values]
    if len(rows):
        # The first row has all nulls at once, which can hide a fault in one column: four more rows have one null each.
        _set_null(rows, 0, nullable)
        for position, column in enumerate(rng.permutation(np.array([c.name for c in nullable], dtype=object))[:4]):
            _set_null(rows, min(position + 1, len(rows) - 1), [c for c in nullable if c.name == column])
        for column in open_strings:
            rows.loc[len(rows) - 1, column.name] = UNSEEN_CATEGORIES[0]
    return rows


def golden_json(rows: pd.DataFrame, contract: Contract, predictions: Any, labels: Any) -> dict[str, Any]:
    """Return the content of ``golden.json``; numbers keep every bit in JSON."""
    return {
        "inputs": {
            column.name: [_json_value(value, column) for value in rows[column.name]] for column in contract.inputs
        },
        "predictions": np.asarray(predictions).tolist(),
        "labels": [] if labels is None else [str(label) for label in labels],
    }


def _set_null(rows: pd.DataFrame, row: int, columns: list[Column]) -> None:
    for column in columns:
        rows.loc[row, column.name] = None if column.type == "string" else np.nan


def _json_value(value: Any, column: Column) -> Any:
    if pd.isna(value):
        return None
    kinds = {"double": float, "long": int, "boolean": bool, "string": str}
    return kinds[column.type](value)
