"""What a v2 server says of itself and of its model: metadata, readiness, and which datatypes a column may have.

Light: the server's parent process imports it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from slipway.__about__ import name_and_version
from slipway.contract.schema import Column, Contract, Type

EXTENSIONS = ["binary_tensor_data"]
INTEGER_DATATYPES = [f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)]
_NUMBERS = ("FP64", "FP32", "FP16", *INTEGER_DATATYPES)

DATATYPES: dict[Type, str] = {"double": "FP64", "long": "INT64", "boolean": "BOOL", "string": "BYTES"}
"""The datatype in which a column of each type is announced and answered."""
ACCEPTED_DATATYPES: dict[Type, tuple[str, ...]] = {
    "double": _NUMBERS,
    "long": _NUMBERS,
    "boolean": ("BOOL",),
    "string": ("BYTES",),
}
"""The datatypes in which a column of each type may come."""


def server_metadata() -> bytes:
    """The answer to ``GET /v2``."""
    return msgspec.json.encode({"name": "slipway", "version": name_and_version()[1], "extensions": EXTENSIONS})


def model_metadata(contract: Contract, release: str, platform: str = "onnx") -> bytes:
    """The answer to ``GET /v2/models/<name>``; the platform is the engine of the bundle."""
    told = {
        "name": contract.name,
        "versions": [release],
        "platform": platform,
        "inputs": _tensors(contract.inputs),
        "outputs": _tensors(contract.outputs),
    }
    return msgspec.json.encode(told)


def server_liveness() -> bytes:
    """The answer to ``GET /v2/health/live`` of a process that can answer."""
    return msgspec.json.encode({"live": True})


def server_readiness() -> bytes:
    """The answer to ``GET /v2/health/ready`` once a release is served; before, it is an error of status 503."""
    return msgspec.json.encode({"ready": True})


def model_readiness(contract: Contract) -> bytes:
    """The answer to ``GET /v2/models/<name>/ready``."""
    return msgspec.json.encode({"name": contract.name, "ready": True})


def _tensors(columns: Iterable[Column]) -> list[dict[str, Any]]:
    return [{"name": column.name, "datatype": DATATYPES[column.type], "shape": [-1]} for column in columns]
