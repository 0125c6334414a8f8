"""Score rows again with the reference's model if their inputs are available; otherwise keep their predictions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from slipway.drift.rows import Array, Rows
from slipway.errors import DataError
from slipway.inference.scorer import Scorer
from slipway.statistics.reference import predictions_by_output


def rescore_rows(rows: Rows, scorer: Scorer) -> Rows:
    """Return the rows with the model's predictions; rows that break the contract are counted and get none.

    Raises:
        DataError: the inputs are missing, and the existing predictions are from another release.
    """
    required = [column.name for column in scorer.contract.inputs if not column.nullable]
    if not all(name in rows.columns for name in required):
        _check_release(rows, scorer)
        return rows
    columns = scorer.complete_columns(rows.columns)
    invalid = sorted({problem.row for problem in scorer.find_violations(columns)})
    valid = np.ones(rows.size, dtype=bool)
    valid[invalid] = False
    predictions = scorer.predict_checked({name: values[valid] for name, values in columns.items()})
    outputs = predictions_by_output(scorer.contract, predictions.values, predictions.labels)
    scattered = {name: _scatter(values, valid) for name, values in outputs.items()}
    return replace(rows, columns={**columns, **scattered}, broken=rows.broken + len(invalid))


def _check_release(rows: Rows, scorer: Scorer) -> None:
    own = scorer.bundle.release.version
    if others := sorted(rows.releases - {own}):
        raise DataError(
            f"the rows were scored by {', '.join(others)} and lack the input columns that {own} needs to score them again; "
            "score them with --keep for these columns, or use the bundle that scored them as REFERENCE"
        )


def _scatter(values: Array, valid: Array) -> Array:
    """Place the values in the valid rows, and null in the others."""
    scattered = np.full(len(valid), None, dtype=object) if values.dtype == object else np.full(len(valid), np.nan)
    scattered[valid] = values
    return scattered
