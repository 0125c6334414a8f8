"""The live metric: how the model does on the rows whose truth has arrived, held against the gate's own bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from slipway.contract.schema import Contract
from slipway.drift.result import LiveMetrics, ThresholdResult
from slipway.drift.rows import Array, Rows
from slipway.errors import DataError
from slipway.statistics.bootstrap import bootstrap
from slipway.statistics.metrics import score
from slipway.statistics.time_blocks import calendar_numbers


class LabelledRows:
    """The answers and the truth of the rows so far; rows without either are left out."""

    def __init__(self, contract: Contract, block: str) -> None:
        self._contract, self._block = contract, block
        self._batches: list[tuple[list[Any], Array, Array]] = []

    def add(self, rows: Rows) -> None:
        """Keep what is known of some rows."""
        if rows.labels is None:
            return
        numbers = _prediction_numbers(rows, self._contract)
        known = np.array([value is not None for value in rows.labels]) & np.isfinite(numbers).all(axis=-1)
        blocks = np.arange(rows.size)
        if self._block != "row" and rows.times is not None:
            blocks = calendar_numbers(rows.times, self._block)
        truth = [value for value, there in zip(rows.labels, known.tolist(), strict=True) if there]
        self._batches.append((truth, numbers[known], blocks[known]))

    def check_thresholds(self, minimum: Mapping[str, float], maximum: Mapping[str, float]) -> LiveMetrics:
        """Every bar of the gate with what was measured, and its 95 % interval by block.

        Raises:
            DataError: no row has a truth, or one that the contract does not know; a metric is no number on them.
        """
        truth: Array = np.array([value for some, _, _ in self._batches for value in some], dtype=object)
        if not len(truth):
            raise DataError("no row has a truth yet, so there is no live metric")
        numbers, blocks = (np.concatenate([kept[place] for kept in self._batches]) for place in (1, 2))
        if self._contract.task == "regression":
            numbers = numbers[:, 0]
        else:
            truth = truth.astype(str).astype(object)
        names = list(dict.fromkeys([*minimum, *maximum]))
        values = score(self._contract, truth, numbers, names=names) if names else {}
        intervals = bootstrap(self._contract, truth, numbers, blocks, names=names) if names else {}
        for name in names:
            if not np.isfinite([values[name], *intervals[name]]).all():
                raise DataError(
                    f"the live {name} of the {len(truth):,} rows whose truth is known is no number or has no interval, "
                    f"so its bar cannot be judged; their truth is {_list_values(truth)}"
                )
        return LiveMetrics(len(truth), tuple(_compare_with_thresholds(values, intervals, minimum, maximum)))


def _compare_with_thresholds(
    values: Mapping[str, float],
    intervals: Mapping[str, Sequence[float]],
    minimum: Mapping[str, float],
    maximum: Mapping[str, float],
) -> Iterator[ThresholdResult]:
    for name, floor in minimum.items():
        low, high = intervals[name]
        yield ThresholdResult(f"floor.{name}", floor, float(values[name]), float(low), float(high), bool(high < floor))
    for name, ceiling in maximum.items():
        low, high = intervals[name]
        yield ThresholdResult(
            f"ceiling.{name}", ceiling, float(values[name]), float(low), float(high), bool(low > ceiling)
        )


def _list_values(truth: Array) -> str:
    """The values that a truth has, or as many of them as a sentence holds."""
    values = sorted(map(str, set(truth.tolist())))
    return ", ".join(values[:5]) + (f" and {len(values) - 5:,} other values" if len(values) > 5 else "")


def _prediction_numbers(rows: Rows, contract: Contract) -> Array:
    """The numbers of each row's answer [rows, classes], or [rows, 1]."""
    outputs = [column.name for column in contract.outputs if column.type == "double"]
    lacking = [name for name in outputs if name not in rows.columns]
    if len(outputs) == 2 and lacking == outputs[:1]:
        return np.column_stack([1 - rows.columns[outputs[1]], rows.columns[outputs[1]]])
    if lacking:
        raise DataError(f"the rows lack {', '.join(lacking)}, without which there is no live metric")
    return np.column_stack([rows.columns[name] for name in outputs])
