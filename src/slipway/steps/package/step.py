"""Compile the fitted model to ONNX, prove that it predicts the same, and write it as an MLflow model without a pickle."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from slipway.contract.schema import Contract, read_contract
from slipway.errors import DataError
from slipway.inference.skops_file import own_classes_in
from slipway.statistics.build_reference import reference_of
from slipway.statistics.reference import REFERENCE_FILE, Reference, encode_reference, predictions_by_output
from slipway.statistics.time_blocks import calendar_of
from slipway.steps.package.compiler.compile import compile_pipeline
from slipway.steps.package.compiler.errors import UnsupportedModelError
from slipway.steps.package.golden_rows import golden_json, golden_rows
from slipway.steps.package.mlflow_flavor import slipway_model_1
from slipway.steps.package.model_directory import write_model_directory
from slipway.steps.package.parity.parity import check_parity, transform_and_predict
from slipway.steps.package.parity.predictions import Array, Predictions, feeds_of, predict_with_graph
from slipway.tables.data_frame import inputs_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CompiledModel:
    """A fitted model, its graph and the proof that the graph is exact; no graph if scikit-learn serves the model."""

    fitted: Any
    graph: bytes | None
    proof: dict[str, Any]


def compile_exactly(
    fitted: Any, contract: Contract, holdout: pd.DataFrame, train: pd.DataFrame, seed: int
) -> CompiledModel:
    """Compile the model and prove that it agrees with scikit-learn.

    The proof uses the ``holdout`` rows and rows derived from ``holdout`` and ``train``. The result has
    no graph if a part of the model cannot be compiled, or if the graph is not exact.
    """
    try:
        graph = compile_pipeline(fitted, contract).SerializeToString()
    except UnsupportedModelError as error:
        return _fall_back(fitted, str(error), None)
    proof = check_parity(fitted, graph, contract, holdout, train, seed)
    if not proof["ok"]:
        reason = f"The compiled model differs from scikit-learn's on {', '.join(proof['wrong'])}"
        return _fall_back(fitted, reason, proof)
    return CompiledModel(fitted, graph, proof)


def write_package(
    folder: Path,
    model: Path,
    contract: Path,
    compiled: CompiledModel,
    *,
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    time: str,
    block: str,
    seed: int,
    own_classes: Sequence[str] = (),
) -> dict[str, float]:
    """Write the MLflow model directory ``folder``: model, proof, golden rows and the drift reference of the holdout.

    If scikit-learn serves the model, the code of the project's ``own_classes`` in it is written too.

    Raises:
        DataError: the holdout has no column ``time``.
    """
    public, fitted, graph, proof = read_contract(contract), compiled.fitted, compiled.graph, compiled.proof
    own = [] if graph else own_classes_in(model, own_classes)
    write_model_directory(folder, public, proof["engine"], graph or model.read_bytes(), own)
    (folder / "contract.json").write_bytes(contract.read_bytes())
    chosen = golden_rows(holdout, public, seed)
    predictions = _predict(fitted, graph, chosen, public)
    _write_json(folder / "golden.json", golden_json(chosen, public, predictions.values, predictions.labels))
    _write_json(folder / "proof.json", proof)
    predicted = _predict(fitted, graph, holdout, public)
    reference = describe_holdout(holdout, train, public, predicted, time=time, block=block)
    (folder / REFERENCE_FILE).write_bytes(encode_reference(reference))
    return _scores(proof, folder)


def describe_holdout(
    holdout: pd.DataFrame,
    train: pd.DataFrame,
    contract: Contract,
    holdout_predictions: Predictions,
    *,
    time: str,
    block: str,
) -> Reference:
    """Describe the distribution of the holdout and its predictions, with the values that training has seen.

    The reference comes from the holdout because its rows are the newest, and because predictions for the training rows are
    better than those for new rows.

    Raises:
        DataError: the blocks depend on time, and the holdout has no such column.
    """
    if block != "row" and time not in holdout:
        raise DataError(f"the holdout has no column '{time}', which its blocks by {block} need")
    predictions = predictions_by_output(contract, holdout_predictions.values, holdout_predictions.labels)
    return reference_of(
        {**_columns(holdout, contract), **predictions},
        np.zeros(len(holdout), np.int64) if block == "row" else calendar_of(holdout[time], block),
        time=time,
        block=block,
        predictions=predictions,
        training=_columns(train, contract),
    )


def _fall_back(fitted: Any, reason: str, failed_proof: dict[str, Any] | None) -> CompiledModel:
    """Return a model that scikit-learn itself serves, which needs no proof."""
    log.warning(
        "%s. So scikit-learn itself will serve the model: the same predictions, but many times slower. A server then needs "
        "pandas, scikit-learn and skops: add them to the group serving in pyproject.toml.",
        reason,
    )
    return CompiledModel(fitted, None, {"ok": True, "engine": "skops", "reason": reason, "failed": failed_proof})


def _predict(fitted: Any, graph: bytes | None, rows: pd.DataFrame, contract: Contract) -> Predictions:
    if graph is None:
        return transform_and_predict(fitted, rows, "golden rows", contract)[1]
    return predict_with_graph(slipway_model_1.OnnxModel(graph), feeds_of(rows, contract), contract)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _scores(proof: dict[str, Any], folder: Path) -> dict[str, float]:
    kinds = proof.get("kinds", {}).values()
    return {
        "compiled": float(proof["engine"] == "onnx"),
        "proof_rows": float(sum(kind["rows"] for kind in kinds)),
        "proof_largest_difference": max((kind["largest_difference"] for kind in kinds), default=0.0),
        "model_bytes": float(sum(file.stat().st_size for file in folder.iterdir())),
    }


def _columns(frame: pd.DataFrame, contract: Contract) -> dict[str, Array]:
    inputs = inputs_of(frame, contract)
    return {str(name): inputs[name].to_numpy() for name in inputs}
