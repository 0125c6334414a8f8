"""Compute live metrics on the rows with labels, and compare them with the gate's thresholds."""

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
    """The predictions and labels collected so far; rows that lack one of them are left out."""

    def __init__(self, contract: Contract, block: str) -> None:
        self._contract, self._block = contract, block
        self._batches: list[tuple[list[Any], Array, Array]] = []

    def add(self, rows: Rows) -> None:
        """Collect the predictions and labels of a batch of rows."""
        if rows.labels is None:
            return
        numbers = _prediction_numbers(rows, self._contract)
        known = np.array([value is not None for value in rows.labels]) & np.isfinite(numbers).all(axis=-1)
        blocks = np.arange(rows.size)
        if self._block != "row" and rows.times is not None:
            blocks = calendar_numbers(rows.times, self._block)
        labels = [value for value, is_known in zip(rows.labels, known.tolist(), strict=True) if is_known]
        self._batches.append((labels, numbers[known], blocks[known]))

    def check_thresholds(self, minimum: Mapping[str, float], maximum: Mapping[str, float]) -> LiveMetrics:
        """Return every threshold of the gate with the live metric and its 95 % interval, by block.

        Raises:
            DataError: no row has a label, a label is not in the contract, or a metric is undefined on these rows.
        """
        labels: Array = np.array([value for batch, _, _ in self._batches for value in batch], dtype=object)
        if not len(labels):
            raise DataError("no row has a label yet, so there is no live metric")
        numbers, blocks = (np.concatenate([batch[index] for batch in self._batches]) for index in (1, 2))
        if self._contract.task == "regression":
            numbers = numbers[:, 0]
        else:
            labels = labels.astype(str).astype(object)
        names = list(dict.fromkeys([*minimum, *maximum]))
        values = score(self._contract, labels, numbers, names=names) if names else {}
        intervals = bootstrap(self._contract, labels, numbers, blocks, names=names) if names else {}
        for name in names:
            if not np.isfinite([values[name], *intervals[name]]).all():
                raise DataError(
                    f"the live {name} or its interval is undefined on the {len(labels):,} rows with labels, so it cannot be "
                    f"compared with the gate's threshold; their labels are {_list_values(labels)}"
                )
        return LiveMetrics(len(labels), tuple(_compare_with_thresholds(values, intervals, minimum, maximum)))


def _compare_with_thresholds(
    values: Mapping[str, float],
    intervals: Mapping[str, Sequence[float]],
    minimum: Mapping[str, float],
    maximum: Mapping[str, float],
) -> Iterator[ThresholdResult]:
    # The rules have the gate's own names, which sealed bundles contain: `floor` for a minimum, `ceiling` for a maximum.
    for name, lowest in minimum.items():
        low, high = intervals[name]
        yield ThresholdResult(
            f"floor.{name}", lowest, float(values[name]), float(low), float(high), bool(high < lowest)
        )
    for name, highest in maximum.items():
        low, high = intervals[name]
        yield ThresholdResult(
            f"ceiling.{name}", highest, float(values[name]), float(low), float(high), bool(low > highest)
        )


def _list_values(labels: Array) -> str:
    """List the distinct labels, at most five of them."""
    values = sorted(map(str, set(labels.tolist())))
    return ", ".join(values[:5]) + (f" and {len(values) - 5:,} other values" if len(values) > 5 else "")


def _prediction_numbers(rows: Rows, contract: Contract) -> Array:
    """Return the predicted numbers, of shape [rows, classes] or [rows, 1]."""
    outputs = [column.name for column in contract.outputs if column.type == "double"]
    missing = [name for name in outputs if name not in rows.columns]
    # With two classes, the probability of the second one is enough.
    if len(outputs) == 2 and missing == outputs[:1]:
        return np.column_stack([1 - rows.columns[outputs[1]], rows.columns[outputs[1]]])
    if missing:
        raise DataError(f"the rows have no {', '.join(missing)}, so there is no live metric")
    return np.column_stack([rows.columns[name] for name in outputs])
