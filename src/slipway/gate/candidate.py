"""What the pipeline made, and what can be asked of it before it is sealed. It knows no version and no champion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from slipway.contract.schema import Contract
from slipway.errors import BundleError, DataError
from slipway.inference.engines import Array, Engine, OnnxEngine, skops_engine
from slipway.pipeline.candidate import Candidate
from slipway.tables.data_frame import inputs_of


def engine_name(model: Path) -> str:
    """Which engine a model directory needs: "onnx" where the model was compiled, else "skops".

    Raises:
        BundleError: there is no model in it, or there are two.
    """
    found = [name for name in ("onnx", "skops") if (model / f"model.{name}").is_file()]
    if len(found) != 1:
        raise BundleError(f"{model} must hold model.onnx or model.skops, and only one of them; it holds {len(found)}")
    return found[0]


def predictions_of(candidate: Candidate, contract: Contract, frame: pd.DataFrame) -> Array:
    """What the candidate's own model file says to the rows, by the engine that will serve it and without any cache.

    Raises:
        BundleError: the model cannot be loaded.
    """
    name = engine_name(candidate.model)
    content = (candidate.model / f"model.{name}").read_bytes()
    try:
        engine: Engine = OnnxEngine(content, contract, 1) if name == "onnx" else skops_engine(content, contract)
    except BundleError:
        raise
    except Exception as error:
        # onnxruntime raises classes of its own that cannot be named without importing it.
        raise BundleError(f"model.{name} of {candidate.model} cannot be loaded: {error}") from error
    return engine(columns_in(frame, contract)).values


def columns_in(frame: pd.DataFrame, contract: Contract) -> dict[str, Array]:
    """The contract's inputs that the frame has, as the arrays that an engine takes."""
    present = tuple(column for column in contract.inputs if column.name in frame.columns)
    typed = inputs_of(frame, msgspec.structs.replace(contract, inputs=present))
    return {column.name: typed[column.name].to_numpy() for column in present}


def reported_scores(candidate: Candidate) -> dict[str, float]:
    """The metrics that ``metrics.json`` reports; one that is null or no number is NaN.

    Raises:
        DataError: the file is missing or holds no metrics.
    """
    metrics = _json(candidate.metrics).get("metrics")
    if not isinstance(metrics, dict):
        raise DataError(f"{candidate.metrics} has no object 'metrics'; run the pipeline again")
    values = {name: found.get("value") if isinstance(found, dict) else found for name, found in metrics.items()}
    return {name: float(v) if isinstance(v, int | float) else float(np.nan) for name, v in values.items()}


def proof_of(candidate: Candidate) -> dict[str, Any]:
    """What ``proof.json`` says, or nothing where there is none."""
    path = candidate.model / "proof.json"
    return _json(path) if path.is_file() else {}


def seen_in_training(candidate: Mapping[str, Any], champion: Mapping[str, Any]) -> str:
    """Why the champion may have been trained on the candidate's holdout, going by both splits; empty if it was not.

    By time, the champion's training must end before the holdout begins. By hash, a row's side depends on its key
    alone, so the same key and a share held back that is no smaller keep every row of this holdout out of training.
    """
    if candidate.get("by") != champion.get("by") or candidate.get("by") not in ("time", "hash"):
        return (
            f"it was split by {champion.get('by', 'nothing known')} and this by {candidate.get('by', 'nothing known')}"
        )
    try:
        return _seen_by_time(candidate, champion) if candidate["by"] == "time" else _seen_by_hash(candidate, champion)
    except (KeyError, TypeError, ValueError) as error:
        return f"the splits cannot be compared ({error!r})"


def _seen_by_time(candidate: Mapping[str, Any], champion: Mapping[str, Any]) -> str:
    until, start = champion["train_until"], candidate["holdout_from"]
    return f"it was trained on rows until {until}, and the holdout begins {start}" if _at(until) >= _at(start) else ""


def _seen_by_hash(candidate: Mapping[str, Any], champion: Mapping[str, Any]) -> str:
    if list(candidate["key"]) != list(champion["key"]):
        return f"its rows were split by the key {champion['key']} and these by {candidate['key']}"
    held, wanted = float(champion["share"]), float(candidate["share"])
    return f"it held back {held:g} of the rows and the holdout is {wanted:g} of them" if held < wanted else ""


def _at(moment: str) -> datetime:
    time = datetime.fromisoformat(moment)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} must hold a JSON object")
    return content
