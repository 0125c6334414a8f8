"""A bundle whose model really computes for milliseconds per row, so the model and not the socket limits a server."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from slipway.bundle.release_file import folder_name
from tests.support.bundles import make_bundle, seal

_WIDTH = 50_000
_SINES = 20
"""With ``_WIDTH`` numbers each, about 10 ms per row on one core; twice the rows take twice as long."""


def make_slow_bundle(releases: Path, version: str = "1.0.0", *, bias: float = 0.0, sines: int = _SINES) -> Path:
    """Seal a bundle that answers as ``bundles.answers`` says, late, and return its folder."""
    bundle = make_bundle(releases, version, bias=bias)
    (bundle / "model.onnx").write_bytes(_slowed((bundle / "model.onnx").read_bytes(), sines))
    return bundle.rename(releases / folder_name(version, seal(bundle, version)))


def _slowed(model_bytes: bytes, sines: int) -> bytes:
    """The model with a zero added to its score that takes many sines to compute.

    No exponential is below zero, so the negative part of their sum is exactly zero, which no optimizer knows.
    """
    model = onnx.load_from_string(model_bytes)
    score = next(node for node in model.graph.node if node.op_type == "Sum")
    at = list(model.graph.node).index(score)
    score.input.append("late_zero")
    for node in reversed(_work(sines)):
        model.graph.node.insert(at, node)
    grid = np.linspace(0.5, 1.5, _WIDTH).reshape(1, -1)
    model.graph.initializer.extend(
        [numpy_helper.from_array(grid, "grid"), numpy_helper.from_array(np.array([1]), "row")]
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _work(sines: int) -> list[onnx.NodeProto]:
    node, names = helper.make_node, [f"wave_{number}" for number in range(sines + 1)]
    return [
        node("Mul", ["distance", "grid"], [names[0]]),
        *(node("Sin", [before], [after]) for before, after in pairwise(names)),
        node("Exp", [names[-1]], ["positive"]),
        node("ReduceSum", ["positive", "row"], ["total"], keepdims=1),
        node("Neg", ["total"], ["negative"]),
        node("Relu", ["negative"], ["late_zero"]),
    ]
