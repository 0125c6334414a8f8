"""What runs a model: onnxruntime for a compiled one, scikit-learn for one that could not be compiled exactly."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from pipeline.component.contract import Contract
from pipeline.errors import BundleError

Array = npt.NDArray[Any]
Columns = Mapping[str, Array]


class Predictions(NamedTuple):
    """Probabilities [N, K] in the contract's class order with the labels [N], or plain numbers [N] and no labels."""

    values: Array
    labels: Array | None


Engine = Callable[[Columns], Predictions]


def onnx_engine(model: bytes, contract: Contract, threads: int) -> Engine:
    """A session on a compiled model. It can be called from several threads at once.

    Raises:
        BundleError: the model's inputs and outputs are not the contract's.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if threads == 1:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    outputs = ["prediction"] if contract.task == "regression" else ["probabilities", "label"]
    _check_names(contract, [i.name for i in session.get_inputs()], [o.name for o in session.get_outputs()], outputs)
    run, strings, numbers, null = session.run, contract.strings, contract.numbers, contract.null_string

    def predict(columns: Columns) -> Predictions:
        feed = {name: columns[name].reshape(-1, 1) for name in numbers}
        feed |= {name: _filled(columns[name], null).reshape(-1, 1) for name in strings}
        answers = run(outputs, feed)
        return Predictions(answers[0], answers[1] if len(answers) > 1 else None)

    return predict


def skops_engine(model: bytes, contract: Contract) -> Engine:
    """A fitted scikit-learn pipeline, loaded with the allow-list that we hold."""
    import pandas as pd

    from pipeline.component.model import load_model

    with tempfile.TemporaryDirectory(prefix="slipway-model-") as folder:
        path = Path(folder, "model.skops")
        path.write_bytes(model)
        fitted: Any = load_model(path)

    def frame(columns: Columns) -> pd.DataFrame:
        return pd.DataFrame({column.name: columns[column.name] for column in contract.inputs})

    def regress(columns: Columns) -> Predictions:
        return Predictions(np.asarray(fitted.predict(frame(columns)), dtype=np.float64), None)

    def classify(columns: Columns) -> Predictions:
        rows = frame(columns)
        order = [list(fitted.classes_).index(label) for label in contract.classes]
        return Predictions(fitted.predict_proba(rows)[:, order], np.asarray(fitted.predict(rows), dtype=object))

    return regress if contract.task == "regression" else classify


def _check_names(contract: Contract, inputs: list[str], outputs: list[str], wanted: list[str]) -> None:
    if set(inputs) != {column.name for column in contract.inputs} or not set(wanted) <= set(outputs):
        raise BundleError(
            f"model.onnx takes {', '.join(inputs)} and gives {', '.join(outputs)}, but the contract of "
            f"'{contract.name}' takes {', '.join(c.name for c in contract.inputs)} and needs {', '.join(wanted)}"
        )


def _filled(values: Array, null: str) -> Array:
    missing = np.equal(values, cast(Any, None))
    return np.where(missing, null, values) if missing.any() else values
