"""The bundle's compiled model as any of the other servers would hold it: onnxruntime, one thread, and no checks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime


class Model:
    """Rows as JSON objects in, predictions as JSON values out."""

    def __init__(self, bundle: Path) -> None:
        self._bundle = bundle
        contract = json.loads((bundle / "contract.json").read_text())
        self._inputs, self._null = contract["inputs"], contract.get("null_string", "\0null")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(bundle / "model.onnx", options, ["CPUExecutionProvider"])
        self._outputs = ["prediction" if contract["task"] == "regression" else "probabilities"]

    def __reduce__(self) -> tuple[type[Model], tuple[Path]]:
        """To another process goes the place of the bundle: a session cannot be copied."""
        return Model, (self._bundle,)

    def predict(self, rows: list[dict[str, Any]]) -> Any:
        """What the model says of each row."""
        feed = {column["name"]: self._column(column, rows) for column in self._inputs}
        return self._session.run(self._outputs, feed)[0].tolist()

    def _column(self, column: dict[str, Any], rows: list[dict[str, Any]]) -> Any:
        values = [row.get(column["name"]) for row in rows]
        if column["type"] == "string":
            return np.array([self._null if value is None else value for value in values], dtype=object).reshape(-1, 1)
        return np.array(values, dtype=np.float64).reshape(-1, 1)
