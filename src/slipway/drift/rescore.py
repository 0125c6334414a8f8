"""The model's answers to rows: made anew by the reference's bundle where the inputs are there, else as they stand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from slipway.drift.rows import Array, Rows
from slipway.errors import DataError
from slipway.inference.scorer import Scorer
from slipway.statistics.reference import predictions_by_output


def rescore_rows(rows: Rows, scorer: Scorer) -> Rows:
    """The rows with what the bundle says to them; those that break the contract are counted and get no answer.

    Raises:
        DataError: there are no inputs to answer, and the answers that are there are another release's.
    """
    required = [column.name for column in scorer.contract.inputs if not column.nullable]
    if not all(name in rows.columns for name in required):
        _check_release(rows, scorer)
        return rows
    columns = scorer.complete_columns(rows.columns)
    wrong = sorted({problem.row for problem in scorer.find_violations(columns)})
    good = np.ones(rows.size, dtype=bool)
    good[wrong] = False
    made = scorer.predict_checked({name: values[good] for name, values in columns.items()})
    answers = predictions_by_output(scorer.contract, made.values, made.labels)
    spread = {name: _scatter(values, good) for name, values in answers.items()}
    return replace(rows, columns={**columns, **spread}, broken=rows.broken + len(wrong))


def _check_release(rows: Rows, scorer: Scorer) -> None:
    own = scorer.bundle.release.version
    if others := sorted(rows.releases - {own}):
        raise DataError(
            f"the rows were scored by {', '.join(others)} and hold no inputs that {own} could score; keep the inputs "
            "with --keep, or name that release's bundle as the reference"
        )


def _scatter(values: Array, good: Array) -> Array:
    """The values in the places of the good rows, null in the others."""
    empty = np.full(len(good), None, dtype=object) if values.dtype == object else np.full(len(good), np.nan)
    empty[good] = values
    return empty
