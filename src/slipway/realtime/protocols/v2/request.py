"""Parses v2 inference requests: the JSON, and the binary tensors after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from slipway.errors import ContractError

LENGTH_HEADER = "Inference-Header-Content-Length"
"""Header with the length of the JSON in bytes when binary tensors follow it."""
Size = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class TensorParameters(msgspec.Struct, frozen=True, gc=False):
    """The supported parameter of an input."""

    binary_data_size: Size | None = None


class Tensor(msgspec.Struct, frozen=True):
    """One input, with its values in ``data`` or as ``binary_data_size`` bytes after the JSON."""

    name: str
    shape: list[Size]
    datatype: str
    data: list[Any] | None = None
    parameters: TensorParameters | None = None


class OutputParameters(msgspec.Struct, frozen=True, gc=False):
    """The supported parameter of a requested output."""

    binary_data: bool | None = None


class Output(msgspec.Struct, frozen=True):
    """One requested output."""

    name: str
    parameters: OutputParameters | None = None


class RequestParameters(msgspec.Struct, frozen=True, gc=False):
    """The supported parameter of a request."""

    binary_data_output: bool | None = None


class InferRequest(msgspec.Struct, frozen=True):
    """An inference request; other fields and parameters are ignored."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: RequestParameters | None = None
    outputs: list[Output] | None = None


_decode = msgspec.json.Decoder(InferRequest).decode


def split_body(body: bytes, header_length: int | None) -> tuple[InferRequest, dict[str, Tensor], dict[str, memoryview]]:
    """Split a body into its parts; ``header_length`` is the number of bytes that are JSON, None if all are.

    Returns:
        The request, its inputs by name, and the binary data of the inputs that have any.

    Raises:
        ContractError: the body is not an inference request, an input appears twice, or the sizes do not add up.
    """
    if header_length is not None and not 0 <= header_length <= len(body):
        raise ContractError(f"{LENGTH_HEADER} is {header_length}, but the body has {len(body)} bytes")
    end = len(body) if header_length is None else header_length
    request = _parse_request(memoryview(body)[:end])
    tensors = {tensor.name: tensor for tensor in request.inputs}
    _check_unique(request.inputs, "input")
    _check_unique(request.outputs or (), "output")
    return request, tensors, _slice_binary(tensors, memoryview(body)[end:])


def _parse_request(text: memoryview) -> InferRequest:
    try:
        return _decode(text)
    except msgspec.ValidationError as error:
        raise ContractError(f"the body is not a v2 inference request: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ContractError(f"the body is not valid JSON: {error}") from None
    except RecursionError:
        raise ContractError("the body is not valid JSON: it is nested too deeply") from None


def _check_unique(named: Sequence[Tensor | Output], kind: str) -> None:
    names = [item.name for item in named]
    if len(names) != len(set(names)):
        twice = next(name for name in names if names.count(name) > 1)
        raise ContractError(f"{kind} '{twice}' appears {names.count(twice)} times")


def _slice_binary(tensors: Mapping[str, Tensor], rest: memoryview) -> dict[str, memoryview]:
    parameters = ((name, tensor.parameters) for name, tensor in tensors.items() if tensor.parameters is not None)
    sizes = {name: own.binary_data_size for name, own in parameters if own.binary_data_size is not None}
    if sum(sizes.values()) != len(rest):
        raise ContractError(
            f"{len(rest)} bytes of binary data follow the JSON, but the inputs' 'binary_data_size' add up to "
            f"{sum(sizes.values())}; {LENGTH_HEADER} must be the length of the JSON"
        )
    binary, start = {}, 0
    for name, size in sizes.items():
        binary[name] = rest[start : start + size]
        start += size
    return binary
