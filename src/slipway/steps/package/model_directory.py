"""Write the MLflow model directory by hand: no pickle, no inferred signature, and the same bytes for the same model."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import yaml

from slipway.contract.schema import Column, Contract
from slipway.inference.own_code import CLASSES_FILE, CODE_ARCHIVE
from slipway.inference.skops_file import zip_of
from slipway.steps.package.own_sources import own_sources, pins_of_installed

LOADER_MODULE = "slipway_model_1"
FIXED_TIME = "2000-01-01 00:00:00.000000"
"""MLflow requires a time; with a real one, packaging the same model twice would give different bytes."""

REQUIREMENTS = {
    "onnx": ("mlflow", "numpy", "onnxruntime", "pandas"),
    "skops": ("mlflow", "numpy", "pandas", "scikit-learn", "skops"),
}


def write_model_directory(
    folder: Path, contract: Contract, engine: str, content: bytes, own_classes: Sequence[str] = ()
) -> None:
    """Write `MLmodel`, the model file, the loader's code and the environment files.

    ``content`` is the model's bytes; ``engine`` is "onnx" or "skops". The project's ``own_classes`` are those in the
    model; their code is written too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"model.{engine}").write_bytes(content)
    source = Path(__file__).parent / "mlflow_flavor" / f"{LOADER_MODULE}.py"
    code = own_sources(own_classes)
    (folder / CODE_ARCHIVE).write_bytes(zip_of({source.name: source.read_bytes(), **code}))
    if own_classes:
        (folder / CLASSES_FILE).write_bytes(msgspec.json.encode(list(own_classes)) + b"\n")
    _write_environment(folder, engine, pins_of_installed(own_classes))
    (folder / "MLmodel").write_text(_mlmodel(contract, content), encoding="utf-8")


def _write_environment(folder: Path, engine: str, own_pins: Sequence[str]) -> None:
    pins = [*(f"{name}=={version(name)}" for name in REQUIREMENTS[engine]), *own_pins]
    python = platform.python_version()
    (folder / "requirements.txt").write_text("\n".join(pins) + "\n")
    _write_yaml(
        folder / "python_env.yaml",
        {"python": python, "build_dependencies": [], "dependencies": ["-r requirements.txt"]},
    )
    dependencies = [f"python={python}", "pip", {"pip": pins}]
    _write_yaml(
        folder / "conda.yaml", {"name": "mlflow-env", "channels": ["conda-forge"], "dependencies": dependencies}
    )


def _write_yaml(path: Path, content: object) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def _mlmodel(contract: Contract, content: bytes) -> str:
    from mlflow.models import Model
    from mlflow.pyfunc import add_to_model

    # Derived from the content instead of random, so that the same model has the same bytes.
    identity = UUID(hashlib.sha256(content).hexdigest()[:32]).hex
    model = Model(signature=_signature(contract), model_uuid=identity, utc_time_created=FIXED_TIME)
    add_to_model(  # type: ignore[no-untyped-call]
        model, loader_module=LOADER_MODULE, code=CODE_ARCHIVE, conda_env="conda.yaml", python_env="python_env.yaml"
    )
    text: str = model.to_yaml()
    return text


def _signature(contract: Contract) -> object:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(_mlflow_type(column), column.name, required=not column.nullable) for column in contract.inputs
    ]
    shape = (-1,) if contract.task == "regression" else (-1, len(contract.classes))
    return ModelSignature(Schema(inputs), Schema([TensorSpec(np.dtype("float64"), shape)]))


def _mlflow_type(column: Column) -> Any:
    """Return the column's type for MLflow; a nullable integer or boolean is declared as any type.

    pandas reads a batch without nulls as int64 and one with nulls as float64, and MLflow refuses one of the two for
    every other declared type.
    """
    from mlflow.types.schema import AnyType

    if column.nullable and column.type in ("long", "boolean"):
        return AnyType()  # type: ignore[no-untyped-call]
    return column.type
