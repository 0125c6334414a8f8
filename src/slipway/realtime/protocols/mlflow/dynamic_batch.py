"""Predicts single-row requests that arrive in the same turn of the event loop as one batch.

No request waits for others: a single one is predicted alone. The example's model takes 20 us for one row and 33 us for
eight, so under load the requests share most of the cost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import numpy as np

from slipway.contract.schema import Contract
from slipway.inference.engines import Array, OnnxEngine
from slipway.realtime.protocols.messages import RowPrediction
from slipway.realtime.protocols.mlflow.fast_decode import Row

_LONG_LIMIT = 2.0**63


class DynamicBatch:
    """Predicts typed rows. It is not thread-safe: only the event loop's thread can call it."""

    def __init__(self, engine: OnnxEngine, contract: Contract) -> None:
        inputs = contract.inputs
        self._engine, self._null = engine, contract.null_string
        self._numbers = [(i, column.name) for i, column in enumerate(inputs) if column.type != "string"]
        self._strings = [(i, column.name) for i, column in enumerate(inputs) if column.type == "string"]
        self._integers = [i for i, column in enumerate(inputs) if column.type == "long"]
        self._waiting: list[tuple[Row, asyncio.Future[RowPrediction]]] = []

    def is_valid(self, row: Row) -> bool:
        """Whether a row with correct types meets the rest of the contract: no null string, integers within range."""
        for i, _ in self._strings:
            if row[i] == self._null:
                return False
        for i in self._integers:
            if (value := row[i]) is not None and not (-_LONG_LIMIT < value < _LONG_LIMIT and value.is_integer()):
                return False
        return True

    def predict(self, row: Row) -> asyncio.Future[RowPrediction]:
        """Add a row to the next batch; requires :meth:`is_valid`."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._predict_all)
        future: asyncio.Future[RowPrediction] = loop.create_future()
        self._waiting.append((row, future))
        return future

    def _predict_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        started = time.perf_counter()
        try:
            values = self._engine.predict_feed(self._feed([row for row, _ in waiting]))
        except Exception as error:
            _resolve_all(waiting, [error] * len(waiting))
            return
        share = (time.perf_counter() - started) / len(waiting)
        _resolve_all(waiting, [RowPrediction(values[i : i + 1], share) for i in range(len(waiting))])

    def _feed(self, rows: list[Row]) -> dict[str, Array]:
        columns, count = list(zip(*rows, strict=True)), len(rows)
        numbers = np.array([columns[i] for i, _ in self._numbers], dtype=float).reshape(-1, count, 1)
        feed: dict[str, Array] = {name: column for (_, name), column in zip(self._numbers, numbers, strict=True)}
        for i, name in self._strings:
            strings = [self._null if text is None else text for text in columns[i]]
            feed[name] = np.array(strings, dtype=object).reshape(count, 1)
        return feed


def _resolve_all(
    waiting: list[tuple[Row, asyncio.Future[RowPrediction]]], outcomes: Sequence[RowPrediction | Exception]
) -> None:
    for (_, future), outcome in zip(waiting, outcomes, strict=True):
        # Done already when the client has closed its connection.
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
