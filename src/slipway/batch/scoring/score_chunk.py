"""Scores one unit: what can be is answered, what breaks the contract is set aside with its reasons, nothing is lost."""

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
    """What became of a unit, and the seconds that the model itself took."""

    batch: pa.RecordBatch
    invalid: list[InvalidRow]
    measures: dict[str, dict[str, Any]]
    seconds: float


@dataclass(frozen=True, slots=True)
class _CheckedChunk:
    """The rows of a chunk that keep the contract, as written and as the model takes them, and those that do not."""

    kept_columns: list[pa.Array]
    columns: dict[str, Array]
    numbers: Array
    invalid: list[InvalidRow]


class ChunkScorer:
    """Scores units of one job; threads may share it."""

    def __init__(self, plan: Plan, scorer: Scorer) -> None:
        self._plan, self._scorer, self._contract = plan, scorer, scorer.contract

    def __call__(self, unit: Unit) -> ScoredRows:
        """Score the rows of a unit at once, so that the answer does not depend on how they were read."""
        found = [self._check_chunk(chunk) for chunk in unit]
        columns = {c.name: np.concatenate([one.columns[c.name] for one in found]) for c in self._contract.inputs}
        began = time.perf_counter()
        predictions = self._scorer.predict_checked(columns)
        seconds = time.perf_counter() - began
        kept = [
            pa.concat_arrays([one.kept_columns[place] for one in found])
            for place in range(len(self._plan.kept_columns))
        ]
        numbers = np.concatenate([one.numbers for one in found])
        measures = self._measures(columns, predictions, numbers) if self._plan.measured else {}
        return ScoredRows(
            self._batch(kept, predictions), [row for one in found for row in one.invalid], measures, seconds
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
            batch, wrong = parse_fields(batch, wanted, self._contract)
            unreadable = {(field.row, field.column) for field in wrong}
            for field in wrong:
                reasons[field.row].append(str(field))
        columns = self._scorer.complete_columns(to_columns(batch, self._contract, raw))
        for problem in self._scorer.find_violations(columns):
            if (problem.row, problem.column) not in unreadable:
                reasons[problem.row].append(str(problem).partition(", ")[2])
        for row, reason in self._find_inexact_integers(file, columns):
            reasons[row].append(reason)
        bad = _invalid_rows(chunk, file.name, reasons)
        return self._select_valid(batch, columns, chunk.numbers, list(reasons), bad)

    def _find_inexact_integers(self, file: InputFile, columns: Mapping[str, Array]) -> Iterator[tuple[int, str]]:
        """Whole numbers to be kept that text gave as float64, where that is no longer exact."""
        text = file.format in ("csv", "json")
        for column in self._contract.inputs if text else ():
            if column.type == "long" and column.name in self._plan.kept_columns:
                values = columns[column.name]
                large = np.flatnonzero((np.abs(values) >= _INEXACT) & (np.abs(values) < _LARGEST))
                reason = "a number of 2**53 or more cannot be kept exactly"
                yield from ((int(row), f"column '{column.name}': {reason} from {file.format}") for row in large)

    def _select_valid(
        self,
        batch: pa.RecordBatch,
        columns: Mapping[str, Array],
        numbers: Array,
        wrong: Sequence[int],
        bad: list[InvalidRow],
    ) -> _CheckedChunk:
        if wrong:
            good = np.ones(len(batch), dtype=bool)
            good[wrong] = False
            batch = batch.take(pa.array(np.flatnonzero(good)))
            columns, numbers = {name: values[good] for name, values in columns.items()}, numbers[good]
        # Whole numbers of a CSV file were read as float64.
        kept = [batch.column(name).cast(self._plan.schema.field(name).type) for name in self._plan.kept_columns]
        return _CheckedChunk(kept, dict(columns), numbers, bad)


def outputs_of(predictions: Predictions, contract: Contract) -> list[pa.Array]:
    """The contract's output columns."""
    values, labels = predictions.values, predictions.labels
    if labels is None:
        return [float_array(values)]
    return [choice_array(labels.tolist(), contract.classes), *map(float_array, values.T)]


def _measure_predictions(predictions: Predictions, contract: Contract, sampled: Array) -> dict[str, dict[str, Any]]:
    """The measures of the answers; labels are few, so all of them are counted."""
    values, labels = predictions.values, predictions.labels
    first, *others = [column.name for column in contract.outputs]
    if labels is None:
        return measure({first: values}, sampled)
    everything = np.ones(len(labels), dtype=bool)
    numbers = dict(zip(others, values.T, strict=True))
    return measure({first: labels.astype(object)}, everything) | measure(numbers, sampled)


def _invalid_rows(chunk: Chunk, name: str, reasons: Mapping[int, list[str]]) -> list[InvalidRow]:
    rows = [(name, row.number, row.reason, row.text) for row in chunk.broken]
    places = sorted(reasons)
    originals = chunk.batch.take(pa.array(places, pa.int64())).to_pylist() if places else []
    for place, original in zip(places, originals, strict=True):
        text = json.dumps(
            {key: _decode_value(value) for key, value in original.items()}, ensure_ascii=False, default=str
        )
        rows.append((name, int(chunk.numbers[place]), "; ".join(reasons[place]), text))
    return sorted(rows, key=lambda row: row[1])


def _decode_value(value: object) -> object:
    return text_of(value) if isinstance(value, bytes) else value
