"""Scores one unit: what can be is answered, what breaks the contract is set aside with its reasons, nothing is lost."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from slipway.batch.plan import Plan
from slipway.batch.scoring.column_statistics import SHARE, measure
from slipway.contract.schema import Contract
from slipway.inference.engines import Predictions
from slipway.inference.scorer import Scorer
from slipway.tables.arrow_columns import few_texts, from_numbers, from_texts, to_columns
from slipway.tables.chunks import Chunk, Unit
from slipway.tables.csv_types import text_of, typed
from slipway.tables.input_files import Input

Array = npt.NDArray[Any]
QUARANTINE = pa.schema(
    [("file", pa.string()), ("row", pa.int64()), ("reasons", pa.string()), ("original", pa.string())]
)
_INEXACT, _LARGEST = 2.0**53, 2.0**63
Bad = tuple[str, int, str, str]
"""File, row number, reasons and original text."""


class Scored(NamedTuple):
    """What became of a unit, and the seconds that the model itself took."""

    batch: pa.RecordBatch
    bad: list[Bad]
    measures: dict[str, dict[str, Any]]
    seconds: float


class _Sorted(NamedTuple):
    """The rows of a chunk that keep the contract, as written and as the model takes them, and those that do not."""

    kept: list[pa.Array]
    columns: dict[str, Array]
    numbers: Array
    bad: list[Bad]


class UnitScorer:
    """Scores units of one job; threads may share it."""

    def __init__(self, plan: Plan, scorer: Scorer) -> None:
        self._plan, self._scorer, self._contract = plan, scorer, scorer.contract

    def __call__(self, unit: Unit) -> Scored:
        """Score the rows of a unit at once, so that the answer does not depend on how they were read."""
        found = [self._sorted(chunk) for chunk in unit]
        columns = {c.name: np.concatenate([one.columns[c.name] for one in found]) for c in self._contract.inputs}
        began = time.perf_counter()
        predictions = self._scorer.predict_checked(columns)
        seconds = time.perf_counter() - began
        kept = [pa.concat_arrays([one.kept[place] for one in found]) for place in range(len(self._plan.kept))]
        numbers = np.concatenate([one.numbers for one in found])
        measures = self._measures(columns, predictions, numbers) if self._plan.measured else {}
        return Scored(self._batch(kept, predictions), [row for one in found for row in one.bad], measures, seconds)

    def _measures(self, columns: Mapping[str, Array], predictions: Predictions, numbers: Array) -> dict[str, Any]:
        sampled = numbers % SHARE == 0
        return measure(columns, sampled) | _measured(predictions, self._contract, sampled)

    def _batch(self, kept: list[pa.Array], predictions: Predictions) -> pa.RecordBatch:
        outputs = outputs_of(predictions, self._contract)
        release = pa.repeat(few_texts([self._scorer.bundle.release.version])[0], len(outputs[0]))
        return pa.RecordBatch.from_arrays([*kept, *outputs, release], schema=self._plan.schema)

    def _sorted(self, chunk: Chunk) -> _Sorted:
        file, wanted = self._plan.inputs[chunk.file], self._plan.wanted[chunk.file]
        reasons: dict[int, list[str]] = defaultdict(list)
        batch, raw = chunk.batch, file.format == "csv"
        unreadable = set()
        if raw:
            batch, wrong = typed(batch, wanted, self._contract)
            unreadable = {(field.row, field.column) for field in wrong}
            for field in wrong:
                reasons[field.row].append(str(field))
        columns = self._scorer.completed(to_columns(batch, self._contract, raw))
        for problem in self._scorer.problems(columns):
            if (problem.row, problem.column) not in unreadable:
                reasons[problem.row].append(str(problem).partition(", ")[2])
        for row, reason in self._rounded(file, columns):
            reasons[row].append(reason)
        bad = _bad(chunk, file.name, reasons)
        return self._good(batch, columns, chunk.numbers, list(reasons), bad)

    def _rounded(self, file: Input, columns: Mapping[str, Array]) -> Iterator[tuple[int, str]]:
        """Whole numbers to be kept that text gave as float64, where that is no longer exact."""
        text = file.format in ("csv", "json")
        for column in self._contract.inputs if text else ():
            if column.type == "long" and column.name in self._plan.kept:
                values = columns[column.name]
                large = np.flatnonzero((np.abs(values) >= _INEXACT) & (np.abs(values) < _LARGEST))
                reason = "a number of 2**53 or more cannot be kept exactly"
                yield from ((int(row), f"column '{column.name}': {reason} from {file.format}") for row in large)

    def _good(
        self, batch: pa.RecordBatch, columns: Mapping[str, Array], numbers: Array, wrong: Sequence[int], bad: list[Bad]
    ) -> _Sorted:
        if wrong:
            good = np.ones(len(batch), dtype=bool)
            good[wrong] = False
            batch = batch.take(pa.array(np.flatnonzero(good)))
            columns, numbers = {name: values[good] for name, values in columns.items()}, numbers[good]
        # Whole numbers of a CSV file were read as float64.
        kept = [batch.column(name).cast(self._plan.schema.field(name).type) for name in self._plan.kept]
        return _Sorted(kept, dict(columns), numbers, bad)


def outputs_of(predictions: Predictions, contract: Contract) -> list[pa.Array]:
    """The contract's output columns."""
    values, labels = predictions
    if labels is None:
        return [from_numbers(values)]
    return [from_texts(labels.tolist(), contract.classes), *map(from_numbers, values.T)]


def _measured(predictions: Predictions, contract: Contract, sampled: Array) -> dict[str, dict[str, Any]]:
    """The measures of the answers; labels are few, so all of them are counted."""
    values, labels = predictions
    first, *others = [column.name for column in contract.outputs]
    if labels is None:
        return measure({first: values}, sampled)
    everything = np.ones(len(labels), dtype=bool)
    numbers = dict(zip(others, values.T, strict=True))
    return measure({first: labels.astype(object)}, everything) | measure(numbers, sampled)


def _bad(chunk: Chunk, name: str, reasons: Mapping[int, list[str]]) -> list[Bad]:
    rows = [(name, row.number, row.reason, row.text) for row in chunk.broken]
    places = sorted(reasons)
    originals = chunk.batch.take(pa.array(places, pa.int64())).to_pylist() if places else []
    for place, original in zip(places, originals, strict=True):
        text = json.dumps({key: _shown(value) for key, value in original.items()}, ensure_ascii=False, default=str)
        rows.append((name, int(chunk.numbers[place]), "; ".join(reasons[place]), text))
    return sorted(rows, key=lambda row: row[1])


def _shown(value: object) -> object:
    return text_of(value) if isinstance(value, bytes) else value
