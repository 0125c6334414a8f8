"""Metadata and readiness responses of the v2 protocol, and the datatypes of each column type.

The server's parent process imports this module, so it must not import numpy.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from slipway.__about__ import installed_version
from slipway.contract.schema import Column, Contract, Type

EXTENSIONS = ["binary_tensor_data"]
INTEGER_DATATYPES = [f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)]
_NUMBERS = ("FP64", "FP32", "FP16", *INTEGER_DATATYPES)

DATATYPES: dict[Type, str] = {"double": "FP64", "long": "INT64", "boolean": "BOOL", "string": "BYTES"}
"""Datatype of each column type in metadata and responses."""
ACCEPTED_DATATYPES: dict[Type, tuple[str, ...]] = {
    "double": _NUMBERS,
    "long": _NUMBERS,
    "boolean": ("BOOL",),
    "string": ("BYTES",),
}
"""Datatypes that each column type accepts in requests."""


def server_metadata() -> bytes:
    """Body of ``GET /v2``."""
    return msgspec.json.encode({"name": "slipway", "version": installed_version(), "extensions": EXTENSIONS})


def model_metadata(contract: Contract, release: str, platform: str = "onnx") -> bytes:
    """Body of ``GET /v2/models/<name>``; ``platform`` is the engine of the bundle."""
    metadata = {
        "name": contract.name,
        "versions": [release],
        "platform": platform,
        "inputs": _tensors(contract.inputs),
        "outputs": _tensors(contract.outputs),
    }
    return msgspec.json.encode(metadata)


def server_liveness() -> bytes:
    """Body of ``GET /v2/health/live``; a process that can respond is alive."""
    return msgspec.json.encode({"live": True})


def server_readiness() -> bytes:
    """Body of ``GET /v2/health/ready`` once a release is served; before that, the status is 503."""
    return msgspec.json.encode({"ready": True})


def model_readiness(contract: Contract) -> bytes:
    """Body of ``GET /v2/models/<name>/ready``."""
    return msgspec.json.encode({"name": contract.name, "ready": True})


def _tensors(columns: Iterable[Column]) -> list[dict[str, Any]]:
    return [{"name": column.name, "datatype": DATATYPES[column.type], "shape": [-1]} for column in columns]
