"""Read a candidate before it is sealed: its predictions, its reported scores and its proof.

A candidate is the output of the pipeline and knows no version and no champion.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from slipway.bundle.release_file import engine_name
from slipway.contract.schema import Contract
from slipway.errors import BundleError, DataError
from slipway.inference.engines import Array, Engine, OnnxEngine, skops_engine
from slipway.inference.own_code import read_own_code_in
from slipway.pipeline.candidate import Candidate
from slipway.tables.data_frame import inputs_of


def predictions_of(candidate: Candidate, contract: Contract, frame: pd.DataFrame) -> Array:
    """Predict the rows with the candidate's own model file, the engine that will serve it and no cache.

    Raises:
        BundleError: the model cannot be loaded.
    """
    name = engine_name(candidate.model)
    content = (candidate.model / f"model.{name}").read_bytes()
    try:
        own = read_own_code_in(candidate.model)
        engine: Engine = OnnxEngine(content, contract, 1) if name == "onnx" else skops_engine(content, contract, own)
    except BundleError:
        raise
    except Exception as error:
        # onnxruntime raises its own exception classes, which cannot be named without importing it.
        raise BundleError(f"model.{name} of {candidate.model} cannot be loaded: {error}") from error
    return engine(columns_in(frame, contract)).values


def columns_in(frame: pd.DataFrame, contract: Contract) -> dict[str, Array]:
    """Return the contract's inputs that are columns of the frame, as the arrays that an engine takes."""
    present = tuple(column for column in contract.inputs if column.name in frame.columns)
    typed = inputs_of(frame, msgspec.structs.replace(contract, inputs=present))
    return {column.name: typed[column.name].to_numpy() for column in present}


def reported_scores(candidate: Candidate) -> dict[str, float]:
    """Return the metrics that ``metrics.json`` reports; a metric that is null or not a number is NaN.

    Raises:
        DataError: the file is missing or contains no metrics.
    """
    metrics = _read_json(candidate.metrics).get("metrics")
    if not isinstance(metrics, dict):
        raise DataError(f"{candidate.metrics} has no object 'metrics'; run the pipeline again")
    values = {name: found.get("value") if isinstance(found, dict) else found for name, found in metrics.items()}
    return {name: float(v) if isinstance(v, int | float) else float(np.nan) for name, v in values.items()}


def read_proof(candidate: Candidate) -> dict[str, Any]:
    """Return the content of ``proof.json``, or an empty dictionary if the file does not exist."""
    path = candidate.model / "proof.json"
    return _read_json(path) if path.is_file() else {}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} must contain a JSON object")
    return content
