"""Engines that run a model: onnxruntime for a compiled model, scikit-learn for one that could not be compiled exactly."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from slipway.contract.schema import Contract
from slipway.errors import BundleError
from slipway.inference.own_code import OwnCode

Array = npt.NDArray[Any]
Columns = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Predictions:
    """Probabilities [N, K] in the contract's class order with labels [N], or numbers [N] without labels."""

    values: Array
    labels: Array | None


class Engine(Protocol):
    """A loaded model. Pass ``labels=False`` to skip the cost of computing labels."""

    def __call__(self, columns: Columns, labels: bool = True) -> Predictions:  # noqa: D102 - see the class
        ...


def cores() -> int:
    """The number of cores that this process can use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class OnnxEngine:
    """An onnxruntime session for a compiled model. Thread-safe.

    Raises:
        BundleError: the model's inputs or outputs do not match the contract.
    """

    def __init__(self, model: bytes, contract: Contract, threads: int) -> None:
        session = _session(model, threads)
        self._outputs = ["prediction"] if contract.task == "regression" else ["probabilities", "label"]
        inputs, outputs = [i.name for i in session.get_inputs()], [o.name for o in session.get_outputs()]
        _check_names(contract, inputs, outputs, self._outputs)
        # Bypasses onnxruntime's own wrapper, which reads the list of inputs again on every call.
        self._run = session._sess.run
        self._strings, self._numbers, self._null = contract.strings, contract.numbers, contract.null_string
        self._keep_alive = session

    def __call__(self, columns: Columns, labels: bool = True) -> Predictions:
        """Predict complete columns that satisfy the contract."""
        feed = {name: columns[name].reshape(-1, 1) for name in self._numbers}
        feed |= {name: _fill_nulls(columns[name], self._null).reshape(-1, 1) for name in self._strings}
        outputs = self._run(self._outputs if labels else self._outputs[:1], feed, None)
        return Predictions(outputs[0], outputs[1] if len(outputs) > 1 else None)

    def predict_feed(self, feed: Mapping[str, Array]) -> Array:
        """Predict the model's own inputs: [N, 1] per input, with the contract's placeholder for a null string."""
        values: Array = self._run(self._outputs[:1], feed, None)[0]
        return values


def skops_engine(model: bytes, contract: Contract, own: OwnCode) -> Engine:
    """Load a fitted scikit-learn pipeline, with our allow-list of types and the project's own classes."""
    import pandas as pd

    from slipway.inference.skops_file import decode_model

    with own.importable():
        fitted: Any = decode_model(model, Path("model.skops"), own.classes)

    def frame(columns: Columns) -> pd.DataFrame:
        # As a Series: pandas would turn an array of strings into its own type, with another null than the model's None.
        arrays = {column.name: columns[column.name] for column in contract.inputs}
        return pd.DataFrame({name: pd.Series(values, dtype=values.dtype) for name, values in arrays.items()})

    def regress(columns: Columns, labels: bool = True) -> Predictions:
        return Predictions(np.asarray(fitted.predict(frame(columns)), dtype=np.float64), None)

    def classify(columns: Columns, labels: bool = True) -> Predictions:
        rows = frame(columns)
        # scikit-learn sorts the classes; callers get them in the contract's order.
        order = [list(fitted.classes_).index(label) for label in contract.classes]
        names = np.asarray(fitted.predict(rows), dtype=object) if labels else None
        return Predictions(fitted.predict_proba(rows)[:, order], names)

    return regress if contract.task == "regression" else classify


def _session(model: bytes, threads: int) -> Any:
    # onnxruntime sends telemetry to Microsoft unless this variable is set before the import.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if threads == 1:
        # A spinning thread would burn a core that another worker needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _check_names(contract: Contract, inputs: list[str], outputs: list[str], wanted: list[str]) -> None:
    if set(inputs) != {column.name for column in contract.inputs} or not set(wanted) <= set(outputs):
        raise BundleError(
            f"model.onnx has the inputs {', '.join(inputs)} and the outputs {', '.join(outputs)}, but the contract of "
            f"'{contract.name}' requires the inputs {', '.join(c.name for c in contract.inputs)} and the outputs "
            f"{', '.join(wanted)}"
        )


def _fill_nulls(values: Array, null: str) -> Array:
    missing = np.equal(values, cast(Any, None))
    return np.where(missing, null, values) if missing.any() else values
