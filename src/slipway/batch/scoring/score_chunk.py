"""Score one unit: valid rows get predictions, invalid rows go to the quarantine with reasons, and none is lost."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from slipway.batch.plan import Plan
from slipway.batch.scoring.column_statistics import SAMPLE_STEP, measure
from slipway.contract.schema import Contract
from slipway.inference.engines import Predictions
from slipway.inference.scorer import Scorer
from slipway.tables.arrow_columns import choice_array, float_array, string_array, to_columns
from slipway.tables.chunks import Chunk, Unit
from slipway.tables.csv_types import parse_fields, text_of
from slipway.tables.input_files import InputFile

Array = npt.NDArray[Any]
QUARANTINE = pa.schema(
    [("file", pa.string()), ("row", pa.int64()), ("reasons", pa.string()), ("original", pa.string())]
)
_INEXACT, _LARGEST = 2.0**53, 2.0**63
InvalidRow = tuple[str, int, str, str]
"""File, row number, reasons and original text."""


@dataclass(frozen=True, slots=True)
class ScoredRows:
    """The result of a unit: scored rows, invalid rows, measures, and the seconds that the model itself took."""

    batch: pa.RecordBatch
    invalid: list[InvalidRow]
    measures: dict[str, dict[str, Any]]
    seconds: float


@dataclass(frozen=True, slots=True)
class _CheckedChunk:
    """The valid rows of a chunk, both as they are written and as the model takes them, and the invalid rows."""

    kept_columns: list[pa.Array]
    columns: dict[str, Array]
    numbers: Array
    invalid: list[InvalidRow]


class ChunkScorer:
    """Score the units of one job; safe to share between threads."""

    def __init__(self, plan: Plan, scorer: Scorer) -> None:
        self._plan, self._scorer, self._contract = plan, scorer, scorer.contract

    def __call__(self, unit: Unit) -> ScoredRows:
        """Score the rows of a unit together, so that the result does not depend on how they were read in chunks."""
        checked = [self._check_chunk(chunk) for chunk in unit]
        columns = {c.name: np.concatenate([chunk.columns[c.name] for chunk in checked]) for c in self._contract.inputs}
        began = time.perf_counter()
        predictions = self._scorer.predict_checked(columns)
        seconds = time.perf_counter() - began
        kept = [
            pa.concat_arrays([chunk.kept_columns[index] for chunk in checked])
            for index in range(len(self._plan.kept_columns))
        ]
        numbers = np.concatenate([chunk.numbers for chunk in checked])
        measures = self._measures(columns, predictions, numbers) if self._plan.measured else {}
        return ScoredRows(
            self._batch(kept, predictions), [row for chunk in checked for row in chunk.invalid], measures, seconds
        )

    def _measures(self, columns: Mapping[str, Array], predictions: Predictions, numbers: Array) -> dict[str, Any]:
        sampled = numbers % SAMPLE_STEP == 0
        return measure(columns, sampled) | _measure_predictions(predictions, self._contract, sampled)

    def _batch(self, kept: list[pa.Array], predictions: Predictions) -> pa.RecordBatch:
        outputs = outputs_of(predictions, self._contract)
        release = pa.repeat(string_array([self._scorer.bundle.release.version])[0], len(outputs[0]))
        return pa.RecordBatch.from_arrays([*kept, *outputs, release], schema=self._plan.schema)

    def _check_chunk(self, chunk: Chunk) -> _CheckedChunk:
        file, wanted = self._plan.inputs[chunk.file], self._plan.input_schemas[chunk.file]
        reasons: dict[int, list[str]] = defaultdict(list)
        batch, raw = chunk.batch, file.format == "csv"
        unreadable = set()
        if raw:
            batch, invalid_fields = parse_fields(batch, wanted, self._contract)
            unreadable = {(field.row, field.column) for field in invalid_fields}
            for field in invalid_fields:
                reasons[field.row].append(str(field))
        columns = self._scorer.complete_columns(to_columns(batch, self._contract, raw))
        for problem in self._scorer.find_violations(columns):
            # An unreadable field was replaced by null; the contract's complaint about that null would mislead.
            if (problem.row, problem.column) not in unreadable:
                reasons[problem.row].append(str(problem).partition(", ")[2])
        for row, reason in self._find_inexact_integers(file, columns):
            reasons[row].append(reason)
        invalid = _invalid_rows(chunk, file.name, reasons)
        return self._select_valid(batch, columns, chunk.numbers, list(reasons), invalid)

    def _find_inexact_integers(self, file: InputFile, columns: Mapping[str, Array]) -> Iterator[tuple[int, str]]:
        """Find whole numbers to keep that were read from text as float64 and are too large to be exact."""
        text = file.format in ("csv", "json")
        for column in self._contract.inputs if text else ():
            if column.type == "long" and column.name in self._plan.kept_columns:
                values = columns[column.name]
                large = np.flatnonzero((np.abs(values) >= _INEXACT) & (np.abs(values) < _LARGEST))
                reason = "a number of 2**53 or more is not exact"
                yield from (
                    (int(row), f"column '{column.name}': {reason} when read from {file.format}") for row in large
                )

    def _select_valid(
        self,
        batch: pa.RecordBatch,
        columns: Mapping[str, Array],
        numbers: Array,
        invalid_indices: Sequence[int],
        invalid: list[InvalidRow],
    ) -> _CheckedChunk:
        if invalid_indices:
            valid = np.ones(len(batch), dtype=bool)
            valid[invalid_indices] = False
            batch = batch.take(pa.array(np.flatnonzero(valid)))
            columns, numbers = {name: values[valid] for name, values in columns.items()}, numbers[valid]
        # Whole numbers from CSV were read as float64, so they are cast to the type of the output.
        kept = [batch.column(name).cast(self._plan.schema.field(name).type) for name in self._plan.kept_columns]
        return _CheckedChunk(kept, dict(columns), numbers, invalid)


def outputs_of(predictions: Predictions, contract: Contract) -> list[pa.Array]:
    """Return the contract's output columns as Arrow arrays."""
    values, labels = predictions.values, predictions.labels
    if labels is None:
        return [float_array(values)]
    return [choice_array(labels.tolist(), contract.classes), *map(float_array, values.T)]


def _measure_predictions(predictions: Predictions, contract: Contract, sampled: Array) -> dict[str, dict[str, Any]]:
    """Measure the predictions. Labels have few distinct values, so they are counted in all rows."""
    values, labels = predictions.values, predictions.labels
    first, *others = [column.name for column in contract.outputs]
    if labels is None:
        return measure({first: values}, sampled)
    all_rows = np.ones(len(labels), dtype=bool)
    numbers = dict(zip(others, values.T, strict=True))
    return measure({first: labels.astype(object)}, all_rows) | measure(numbers, sampled)


def _invalid_rows(chunk: Chunk, name: str, reasons: Mapping[int, list[str]]) -> list[InvalidRow]:
    rows = [(name, row.number, row.reason, row.text) for row in chunk.broken]
    indices = sorted(reasons)
    originals = chunk.batch.take(pa.array(indices, pa.int64())).to_pylist() if indices else []
    for index, original in zip(indices, originals, strict=True):
        text = json.dumps(
            {key: _decode_value(value) for key, value in original.items()}, ensure_ascii=False, default=str
        )
        rows.append((name, int(chunk.numbers[index]), "; ".join(reasons[index]), text))
    return sorted(rows, key=lambda row: row[1])


def _decode_value(value: object) -> object:
    return text_of(value) if isinstance(value, bytes) else value
