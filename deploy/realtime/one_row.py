"""One row at a time, which is most of what a server is asked: into buffers that are made once, and into the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deploy.engines import Array, OnnxEngine
from deploy.realtime.typed import Values
from pipeline.component.contract import Contract

_LONG_LIMIT = 2.0**63


class OneRow:
    """Predicts one typed row. Its buffers are shared by all calls, so only the event loop's thread may call it."""

    def __init__(self, engine: OnnxEngine, contract: Contract) -> None:
        inputs = contract.inputs
        self._engine, self._null = engine, contract.null_string
        self._numbers = [i for i, column in enumerate(inputs) if column.type != "string"]
        self._strings = [i for i, column in enumerate(inputs) if column.type == "string"]
        self._whole = [i for i, column in enumerate(inputs) if column.type == "long"]
        self._numbers_buffer = np.zeros((len(self._numbers), 1))
        self._string_buffers = [np.full((1, 1), "", dtype=object) for _ in self._strings]
        rows = zip(self._numbers, self._numbers_buffer, strict=True)
        self._feed: dict[str, Array] = {inputs[i].name: row.reshape(1, 1) for i, row in rows}
        self._feed |= {inputs[i].name: b for i, b in zip(self._strings, self._string_buffers, strict=True)}

    def __call__(self, columns: Sequence[Values]) -> Array | None:
        """The prediction for the first value of each column; None where a value breaks the contract."""
        row = [values[0] for values in columns]
        strings = [row[i] for i in self._strings]
        if self._null in strings or not all(_is_whole(row[i]) for i in self._whole):
            return None
        self._numbers_buffer[:, 0] = [row[i] for i in self._numbers]
        for buffer, text in zip(self._string_buffers, strings, strict=True):
            buffer[0, 0] = self._null if text is None else text
        return self._engine.values_of(self._feed)


def _is_whole(value: Any) -> bool:
    return value is None or (-_LONG_LIMIT < value < _LONG_LIMIT and value.is_integer())
