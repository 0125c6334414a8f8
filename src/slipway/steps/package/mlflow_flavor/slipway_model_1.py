"""The MLflow loader of a bundle, shipped inside it: it predicts an array from a data frame.

It needs NumPy and pandas, and ONNX Runtime or skops, but not Slipway. The number in the module's name is the bundle
format: Python loads one module per name, so bundles of the same format share this code and bundles of different formats
do not.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

TRUSTED = (
    "functools.partial",
    "numpy.dtype",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._mutual_info.mutual_info_classif",
    "sklearn.feature_selection._mutual_info.mutual_info_regression",
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.feature_selection._univariate_selection.f_regression",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
)
"""Types allowed in a `model.skops` in addition to skops' own safe types. A type list in the file itself is never trusted."""

Contract = dict[str, Any]
Array = npt.NDArray[Any]


def _load_pyfunc(folder: str) -> Model:
    """Load the model; `mlflow.pyfunc.load_model` calls this function."""
    return Model(Path(folder))


class Model:
    """A loaded bundle, as MLflow expects it."""

    def __init__(self, folder: Path) -> None:
        self.contract: Contract = json.loads((folder / "contract.json").read_text(encoding="utf-8"))
        compiled = folder / "model.onnx"
        self._engine = OnnxModel(compiled.read_bytes()) if compiled.exists() else SkopsModel(folder / "model.skops")

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> Array:
        """Predict probabilities [N, K] in the contract's order of classes, or numbers [N] for a regression.

        Raises:
            ValueError: a row breaks the contract.
        """
        check_rows(model_input, self.contract)
        return self._engine.predict(model_input, self.contract)


class OnnxModel:
    """`model.onnx` in one thread, so that tree values are added in the same order every time."""

    def __init__(self, content: bytes) -> None:
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def predict(self, frame: pd.DataFrame, contract: Contract) -> Array:
        """Predict probabilities or numbers."""
        wanted = "prediction" if contract["task"] == "regression" else "probabilities"
        return self.run(tensors(frame, contract), [wanted])[0]

    def run(self, feeds: dict[str, Array], outputs: list[str]) -> list[Array]:
        """Run the graph and return the outputs in the requested order."""
        results: list[Array] = self._session.run(outputs, feeds)
        return results


class SkopsModel:
    """`model.skops` through scikit-learn, for models without an exact compiled form; slower than ONNX."""

    def __init__(self, path: Path) -> None:
        import skops.io

        own = path.with_name("own_classes.json")  # their code is beside this module, in code.zip
        own_classes = json.loads(own.read_text(encoding="utf-8")) if own.exists() else []
        self._model = skops.io.load(path, trusted=[*TRUSTED, *own_classes])

    def predict(self, frame: pd.DataFrame, contract: Contract) -> Array:
        """Predict probabilities or numbers."""
        typed = data_frame(frame, contract)
        if contract["task"] == "regression":
            return np.asarray(self._model.predict(typed), dtype=np.float64).reshape(-1)
        known = [str(label) for label in self._model.classes_]
        order = [known.index(label) for label in contract["classes"]]
        return np.asarray(self._model.predict_proba(typed), dtype=np.float64)[:, order]


def check_rows(frame: pd.DataFrame, contract: Contract) -> None:
    """Refuse rows that break the contract.

    Raises:
        ValueError: a required column is absent or null, or a string is not one of the allowed values.
    """
    for column in contract["inputs"]:
        name = column["name"]
        absent = name not in frame.columns
        if not column.get("nullable", False) and (absent or bool(frame[name].isna().any())):
            raise ValueError(f"column '{name}' is required but {'absent' if absent else 'null in some rows'}")
        allowed = column.get("values")
        if allowed and not absent:
            unknown = set(frame[name].dropna()) - set(allowed)
            if unknown:
                raise ValueError(
                    f"column '{name}' has {min(map(repr, unknown))}, which is not one of {', '.join(allowed)}"
                )


def tensors(frame: pd.DataFrame, contract: Contract) -> dict[str, Array]:
    """Return one array [N, 1] for each input: float64 with NaN for null, or strings with ``null_string`` for null."""
    null = contract.get("null_string", "\x00null")
    return {
        column["name"]: (
            _strings(frame, column["name"], null) if column["type"] == "string" else _numbers(frame, column["name"])
        ).reshape(-1, 1)
        for column in contract["inputs"]
    }


def data_frame(frame: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Return the frame with the types that scikit-learn was fitted on: float64 with NaN, or strings as objects with None."""
    columns = {
        column["name"]: _strings(frame, column["name"], None)
        if column["type"] == "string"
        else _numbers(frame, column["name"])
        for column in contract["inputs"]
    }
    return pd.DataFrame({name: pd.Series(values, dtype=values.dtype) for name, values in columns.items()})


def _numbers(frame: pd.DataFrame, name: str) -> Array:
    if name not in frame.columns:
        return np.full(len(frame), np.nan)
    return frame[name].to_numpy(dtype=np.float64, na_value=np.nan)


def _strings(frame: pd.DataFrame, name: str, null: str | None) -> Array:
    if name not in frame.columns:
        return np.full(len(frame), null, dtype=object)
    values = frame[name].astype(object)
    known = values.dropna().unique()
    others = [value for value in known if not isinstance(value, str)]
    if others:
        raise ValueError(f"column '{name}' must contain strings, but has {others[0]!r}")
    if null in known:
        raise ValueError(f"column '{name}' contains {null!r}, which represents a missing string; use null instead")
    return values.where(values.notna(), null).to_numpy(dtype=object)
