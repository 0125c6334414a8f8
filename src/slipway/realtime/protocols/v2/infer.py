"""Handles ``POST /v2/models/<name>/infer``: Open Inference Protocol v2 with Triton's binary tensor extension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from slipway.contract.schema import Contract
from slipway.contract.validation import check_required
from slipway.errors import ContractError
from slipway.inference.engines import Array, Predictions
from slipway.realtime.protocols.columns import Lists, check_same_length, to_arrays
from slipway.realtime.protocols.messages import JSON, ErrorResponse, LoggedCall, Request, Response, render_error
from slipway.realtime.protocols.v2.metadata import DATATYPES
from slipway.realtime.protocols.v2.request import LENGTH_HEADER, InferRequest, Output, split_body
from slipway.realtime.protocols.v2.tensors import binary_numbers, binary_strings, encode_binary, json_values

if TYPE_CHECKING:
    from slipway.realtime.protocols.served_model import ServedModel

_KINDS = (JSON, "application/octet-stream")


@dataclass(frozen=True, slots=True)
class RequestedOutput:
    """A requested output, encoded as bytes or as JSON."""

    name: str
    binary: bool


@dataclass(frozen=True, slots=True)
class Inference:
    """A decoded request: the columns for the scorer, the client's id, the requested outputs, and the names of all inputs."""

    columns: dict[str, Array]
    id: str | None
    outputs: tuple[RequestedOutput, ...]
    given: tuple[str, ...]


def infer(request: Request, serving: ServedModel) -> Response:
    """Predict the requested outputs; an error is encoded in the protocol's format."""
    kind = (request.headers.get("content-type") or JSON).partition(";")[0].strip().lower()
    if kind not in _KINDS:
        message = f"the content type must be {' or '.join(_KINDS)}, got '{kind}'"
        return render_error(ErrorResponse(415, "BAD_REQUEST", message), "/v2")
    scorer = serving.scorer
    try:
        inference = decode_infer(request.body, _header_length(request), scorer.contract)
        check_required(inference.columns, scorer.contract, inference.given)
        predictions = scorer.predict(inference.columns)
    except ContractError as error:
        return render_error(ErrorResponse(400, "BAD_REQUEST", str(error)), "/v2")
    body, extra = encode_infer(predictions, scorer.contract, serving.release, inference)
    call = LoggedCall(lambda: inference.columns, predictions, len(request.body))
    content_type = extra.pop("content-type", JSON)
    return Response(200, body, content_type, tuple(extra.items()), call=call)


def _header_length(request: Request) -> int | None:
    length = request.headers.get(LENGTH_HEADER.lower())
    if length is not None and not (length.isascii() and length.isdigit()):
        raise ContractError(f"the header {LENGTH_HEADER} must be an integer number of bytes, got '{length[:80]}'")
    return None if length is None else int(length[:20])


def decode_infer(body: bytes, header_length: int | None, contract: Contract) -> Inference:
    """Decode an inference request.

    ``header_length`` is the value of the header ``Inference-Header-Content-Length``: how many bytes of the body are
    JSON, or None if all are.

    Raises:
        ContractError: the body is not an inference request, or a tensor does not fit the column of its name.
    """
    request, tensors, binary = split_body(body, header_length)
    outputs = _outputs(request, contract)
    present = [(column, tensors[column.name]) for column in contract.inputs if column.name in tensors]
    lists: Lists = {c.name: json_values(tensor, c) for c, tensor in present if c.name not in binary}
    if not binary:
        return Inference(to_arrays(lists, contract), request.id, outputs, tuple(tensors))
    with_bytes = [(column, tensor, binary[column.name]) for column, tensor in present if column.name in binary]
    lists |= {c.name: binary_strings(tensor, raw, c) for c, tensor, raw in with_bytes if c.type == "string"}
    # A signaling NaN is a null like any other NaN, so numpy must not warn about it.
    with np.errstate(invalid="ignore"):
        numeric = {c.name: binary_numbers(tensor, raw, c) for c, tensor, raw in with_bytes if c.type != "string"}
    check_same_length({column.name: tensor.shape[0] for column, tensor in present})
    return Inference(numeric | to_arrays(lists, contract), request.id, outputs, tuple(tensors))


def encode_infer(
    predictions: Predictions, contract: Contract, release: str, inference: Inference
) -> tuple[bytes, dict[str, str]]:
    """Encode the response body, and the extra headers that it needs; none if everything is JSON."""
    response: dict[str, Any] = {"model_name": contract.name, "model_version": release}
    if inference.id is not None:
        response["id"] = inference.id
    outputs = [_output(requested, predictions, contract) for requested in inference.outputs]
    text = msgspec.json.encode(response | {"outputs": [output for output, _ in outputs]})
    if not any(requested.binary for requested in inference.outputs):
        return text, {}
    headers = {"content-type": "application/octet-stream", LENGTH_HEADER: str(len(text))}
    return b"".join([text, *(raw for _, raw in outputs)]), headers


def _outputs(request: InferRequest, contract: Contract) -> tuple[RequestedOutput, ...]:
    names = [column.name for column in contract.outputs]
    binary = request.parameters is not None and bool(request.parameters.binary_data_output)
    if not request.outputs:
        return tuple(RequestedOutput(name, binary) for name in names)
    for output in request.outputs:
        if output.name not in names:
            known = ", ".join(f"'{name}'" for name in names)
            raise ContractError(f"unknown output '{output.name}'; the outputs of '{contract.name}' are {known}")
    return tuple(RequestedOutput(output.name, _is_binary(output, binary)) for output in request.outputs)


def _is_binary(output: Output, default: bool) -> bool:
    requested = None if output.parameters is None else output.parameters.binary_data
    return default if requested is None else requested


def _output(requested: RequestedOutput, predictions: Predictions, contract: Contract) -> tuple[dict[str, Any], bytes]:
    position = next(number for number, column in enumerate(contract.outputs) if column.name == requested.name)
    values = _values(position, predictions)
    datatype = DATATYPES[contract.outputs[position].type]
    output = {"name": requested.name, "shape": [len(values)], "datatype": datatype}
    if not requested.binary:
        return output | {"data": values.tolist()}, b""
    raw = encode_binary(values, datatype)
    return output | {"parameters": {"binary_data_size": len(raw)}}, raw


def _values(position: int, predictions: Predictions) -> Array:
    if predictions.labels is None:
        return predictions.values
    return predictions.labels if position == 0 else predictions.values[:, position - 1]
