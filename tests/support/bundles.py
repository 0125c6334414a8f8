"""Makes tiny real bundles: a compiled model of two numbers and two strings, whose answers numpy can work out again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from slipway.bundle.release_file import folder_name
from slipway.contract.schema import NULL_STRING, Column, Contract, Task, encode_contract, outputs_of
from slipway.target.target import Target

Array = npt.NDArray[Any]
Rows = Mapping[str, Sequence[Any]]

CLASSES = ("late", "early", "on time")
WEIGHTS = np.array([[1.0, -1.0, 0.25]])
INPUTS = (
    Column("distance", "double"),
    Column("seats", "long", nullable=True),
    Column("carrier", "string", values=("AA", "UA", "00123")),
    Column("tail", "string", nullable=True),
)
GOLDEN: dict[str, list[Any]] = {
    "distance": [0.5, -1.25, 3.0, 1e-3, 2.0],
    "seats": [100, None, 3, 0, 7],
    "carrier": ["AA", "UA", "00123", "AA", "UA"],
    "tail": ["N1", None, "never seen", "N2", ""],
}


def make_contract(task: Task = "classification") -> Contract:
    """The contract that all bundles from here share."""
    classes = CLASSES if task == "classification" else ()
    return Contract("flights", task, INPUTS, outputs_of(task, classes), classes)


def answers(rows: Rows, task: Task = "classification", bias: float = 0.0) -> Array:
    """What the model says of these rows, worked out without onnxruntime."""
    distance = np.array(rows["distance"], dtype=np.float64)
    seats = np.array(rows.get("seats", [None] * len(distance)), dtype=np.float64)
    score = distance * 0.5 + np.where(np.isnan(seats), -2.0, seats * 0.01) + bias
    score = score + np.array([1.0 if c == "AA" else 0.0 for c in rows["carrier"]])
    score = score + np.array([3.0 if t is None else 0.0 for t in rows.get("tail", [None] * len(distance))])
    if task == "regression":
        return np.asarray(score)
    powers = np.exp(score[:, None] * WEIGHTS)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def labels(probabilities: Array) -> list[str]:
    """The most probable class of each row."""
    return [CLASSES[i] for i in probabilities.argmax(axis=1)]


def make_bundle(
    releases: Path,
    version: str = "1.2.3",
    *,
    task: Task = "classification",
    bias: float = 0.0,
    golden: Array | None = None,
    reference: bytes | None = None,
    **changes: Any,
) -> Path:
    """Seal a bundle as ``releases/<version>-<digest>`` and return that folder; ``changes`` are of its release.json."""
    staging = releases / f".{version}"
    (staging / "notes").mkdir(parents=True)
    predictions = answers(GOLDEN, task, bias) if golden is None else golden
    proof: dict[str, Any] = {"inputs": GOLDEN, "predictions": predictions.tolist()}
    if task == "classification":
        proof["labels"] = labels(answers(GOLDEN, task, bias))
    (staging / "model.onnx").write_bytes(model_bytes(task, bias))
    (staging / "contract.json").write_bytes(encode_contract(make_contract(task)))
    (staging / "golden.json").write_text(json.dumps(proof))
    if reference is not None:
        (staging / "reference.json").write_bytes(reference)
    (staging / "notes" / "MLmodel").write_text("flavors: {}\n")
    digest = seal(staging, version, **changes)
    folder = releases / folder_name(version, digest)
    staging.rename(folder)
    return folder


def seal(folder: Path, version: str, **changes: Any) -> str:
    """Write ``release.json`` over every other file and return the bundle's digest."""
    files = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "release.json"
    }
    release = {
        "format": 1,
        "name": "flights",
        "version": version,
        "commit": "c" * 40,
        "engine": "onnx",
        "data": {"snapshot": "d" * 64, "through": "2013-09-30"},
        "lock_digest": "1" * 64,
        "split": {"method": "time"},
        "scores": {"roc_auc": 0.7},
        "verdict": {"passed": True},
        "files": files,
    }
    text = json.dumps(release | changes, indent=2).encode()
    (folder / "release.json").write_bytes(text)
    return hashlib.sha256(text).hexdigest()


def flip(target: Path, bundle: Path) -> None:
    """Make a bundle of ``target/releases`` the champion, by rename as a rollout does."""
    link = target / ".current.new"
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(bundle, target))
    link.replace(target / "current")


def release_of(folder: Path, version: str = "1.2.3") -> Path:
    """The bundle of a version among the releases of a target, or of any folder."""
    return next((folder / "releases").glob(f"{version}-*"))


def serving(target: Target) -> str | None:
    """The version that is champion."""
    champion = target.champion()
    return champion.release.version if champion else None


def model_bytes(task: Task, bias: float) -> bytes:
    """The compiled model: one score from four inputs, and for classification a softmax over it."""
    outputs = [helper.make_tensor_value_info("prediction", TensorProto.DOUBLE, [None])]
    if task == "classification":
        outputs = [
            helper.make_tensor_value_info("label", TensorProto.STRING, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.DOUBLE, [None, len(CLASSES)]),
        ]
    inputs = [
        helper.make_tensor_value_info(
            c.name, TensorProto.STRING if c.type == "string" else TensorProto.DOUBLE, [None, 1]
        )
        for c in INPUTS
    ]
    nodes = _score_nodes() + (_class_nodes() if task == "classification" else _flat_nodes())
    graph = helper.make_graph(nodes, "flights", inputs, outputs, _constants(bias))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _constants(bias: float) -> list[TensorProto]:
    doubles = {"half": 0.5, "hundredth": 0.01, "absent": -2.0, "three": 3.0, "bias": bias}
    texts = {"aa": ["AA"], "null": [NULL_STRING], "classes": list(CLASSES)}
    return [
        *(helper.make_tensor(name, TensorProto.DOUBLE, [1], [value]) for name, value in doubles.items()),
        *(
            helper.make_tensor(n, TensorProto.STRING, [len(v)], cast(Any, [t.encode() for t in v]))
            for n, v in texts.items()
        ),
        helper.make_tensor("weights", TensorProto.DOUBLE, WEIGHTS.shape, WEIGHTS.ravel().tolist()),
        helper.make_tensor("second", TensorProto.INT64, [1], [1]),
    ]


def _score_nodes() -> list[onnx.NodeProto]:
    node = helper.make_node
    return [
        node("Mul", ["distance", "half"], ["a"]),
        node("IsNaN", ["seats"], ["no_seats"]),
        node("Mul", ["seats", "hundredth"], ["scaled"]),
        node("Where", ["no_seats", "absent", "scaled"], ["b"]),
        node("Equal", ["carrier", "aa"], ["is_aa"]),
        node("Cast", ["is_aa"], ["c"], to=TensorProto.DOUBLE),
        node("Equal", ["tail", "null"], ["no_tail"]),
        node("Cast", ["no_tail"], ["tail_number"], to=TensorProto.DOUBLE),
        node("Mul", ["tail_number", "three"], ["d"]),
        node("Sum", ["a", "b", "bias", "c", "d"], ["score"]),
    ]


def _class_nodes() -> list[onnx.NodeProto]:
    node = helper.make_node
    return [
        node("MatMul", ["score", "weights"], ["powers"]),
        node("Softmax", ["powers"], ["probabilities"], axis=1),
        node("ArgMax", ["probabilities"], ["best"], axis=1, keepdims=0),
        node("Gather", ["classes", "best"], ["label"], axis=0),
    ]


def _flat_nodes() -> list[onnx.NodeProto]:
    return [helper.make_node("Squeeze", ["score", "second"], ["prediction"])]
