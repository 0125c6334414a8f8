"""The Open Inference Protocol v2 over HTTP, with Triton's binary tensors: a request as columns, predictions as a body."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import numpy as np

from slipway.contract.schema import Contract
from slipway.errors import ContractError
from slipway.inference.engines import Array, Predictions
from slipway.realtime.protocols.columns import Lists, arrays
from slipway.realtime.protocols.v2.binary import encode
from slipway.realtime.protocols.v2.datatypes import DATATYPES
from slipway.realtime.protocols.v2.request import LENGTH_HEADER, Output, Request, receive
from slipway.realtime.protocols.v2.tensors import listed, numbers, strings

__all__ = ["LENGTH_HEADER", "Inference", "Requested", "decode_infer", "encode_infer"]


class Requested(NamedTuple):
    """An output to answer, as bytes or as JSON."""

    name: str
    binary: bool


class Inference(NamedTuple):
    """A request: the columns as a scorer takes them, the caller's id, and the outputs to answer."""

    columns: dict[str, Array]
    id: str | None
    outputs: tuple[Requested, ...]


def decode_infer(body: bytes, header_length: int | None, contract: Contract) -> Inference:
    """The columns and the wishes of an inference request.

    ``header_length`` is the number in the header ``Inference-Header-Content-Length``: how many bytes of the body are
    JSON, None when all are.

    Raises:
        ContractError: it is no inference request, or a tensor cannot be the column of its name.
    """
    request, tensors, binary = receive(body, header_length)
    outputs = _outputs(request, contract)
    present = [(column, tensors[column.name]) for column in contract.inputs if column.name in tensors]
    lists: Lists = {c.name: listed(tensor, c) for c, tensor in present if c.name not in binary}
    if not binary:
        return Inference(arrays(lists, contract), request.id, outputs)
    came = [(column, tensor, binary[column.name]) for column, tensor in present if column.name in binary]
    lists |= {c.name: strings(tensor, raw, c) for c, tensor, raw in came if c.type == "string"}
    # A signalling NaN is null like any other and no reason for a warning.
    with np.errstate(invalid="ignore"):
        numeric = {c.name: numbers(tensor, raw, c) for c, tensor, raw in came if c.type != "string"}
    _check_rows({column.name: tensor.shape[0] for column, tensor in present})
    return Inference(numeric | arrays(lists, contract), request.id, outputs)


def encode_infer(
    predictions: Predictions, contract: Contract, release: str, inference: Inference
) -> tuple[bytes, dict[str, str]]:
    """The body that answers a request, and the headers that it needs beside the usual ones: none when all is JSON."""
    told: dict[str, Any] = {"model_name": contract.name, "model_version": release}
    if inference.id is not None:
        told["id"] = inference.id
    outputs = [_output(requested, predictions, contract) for requested in inference.outputs]
    text = msgspec.json.encode(told | {"outputs": [output for output, _ in outputs]})
    if not any(requested.binary for requested in inference.outputs):
        return text, {}
    headers = {"content-type": "application/octet-stream", LENGTH_HEADER: str(len(text))}
    return b"".join([text, *(raw for _, raw in outputs)]), headers


def _outputs(request: Request, contract: Contract) -> tuple[Requested, ...]:
    names = [column.name for column in contract.outputs]
    binary = request.parameters is not None and bool(request.parameters.binary_data_output)
    if not request.outputs:
        return tuple(Requested(name, binary) for name in names)
    for output in request.outputs:
        if output.name not in names:
            known = ", ".join(f"'{name}'" for name in names)
            raise ContractError(f"the output '{output.name}' was requested but '{contract.name}' gives {known}")
    return tuple(Requested(output.name, _is_binary(output, binary)) for output in request.outputs)


def _is_binary(output: Output, otherwise: bool) -> bool:
    wish = None if output.parameters is None else output.parameters.binary_data
    return otherwise if wish is None else wish


def _check_rows(rows: dict[str, int]) -> None:
    if len(set(rows.values())) > 1:
        told = ", ".join(f"'{name}' has {number}" for name, number in rows.items())
        raise ContractError(f"all columns must have the same number of rows but {told}")


def _output(requested: Requested, predictions: Predictions, contract: Contract) -> tuple[dict[str, Any], bytes]:
    position = next(number for number, column in enumerate(contract.outputs) if column.name == requested.name)
    values = _values(position, predictions)
    datatype = DATATYPES[contract.outputs[position].type]
    output = {"name": requested.name, "shape": [len(values)], "datatype": datatype}
    if not requested.binary:
        return output | {"data": values.tolist()}, b""
    raw = encode(values, datatype)
    return output | {"parameters": {"binary_data_size": len(raw)}}, raw


def _values(position: int, predictions: Predictions) -> Array:
    if predictions.labels is None:
        return predictions.values
    return predictions.labels if position == 0 else predictions.values[:, position - 1]
