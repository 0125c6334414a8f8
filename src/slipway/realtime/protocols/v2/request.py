"""What the JSON of a v2 inference request may look like, and the bytes that come after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from slipway.errors import ContractError

LENGTH_HEADER = "Inference-Header-Content-Length"
"""How many bytes of a body are JSON, where tensors follow as binary data."""
Size = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class TensorParameters(msgspec.Struct, frozen=True, gc=False):
    """Of the parameters of an input, the one that is understood."""

    binary_data_size: Size | None = None


class Tensor(msgspec.Struct, frozen=True):
    """One input, with its values as JSON or as so many bytes after the JSON."""

    name: str
    shape: list[Size]
    datatype: str
    data: list[Any] | None = None
    parameters: TensorParameters | None = None


class OutputParameters(msgspec.Struct, frozen=True, gc=False):
    """Of the parameters of a requested output, the one that is understood."""

    binary_data: bool | None = None


class Output(msgspec.Struct, frozen=True):
    """One output that the caller wants."""

    name: str
    parameters: OutputParameters | None = None


class RequestParameters(msgspec.Struct, frozen=True, gc=False):
    """Of the parameters of a request, the one that is understood."""

    binary_data_output: bool | None = None


class InferRequest(msgspec.Struct, frozen=True):
    """An inference request; fields and parameters that are not named here are ignored."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: RequestParameters | None = None
    outputs: list[Output] | None = None


_decode = msgspec.json.Decoder(InferRequest).decode


def split_body(body: bytes, header_length: int | None) -> tuple[InferRequest, dict[str, Tensor], dict[str, memoryview]]:
    """Take a body apart; ``header_length`` is how many bytes of it are JSON, None when all are.

    Returns:
        The request, its inputs by name, and the binary data of each that has some.

    Raises:
        ContractError: it is not an inference request, an input came twice, or the sizes do not add up.
    """
    if header_length is not None and not 0 <= header_length <= len(body):
        raise ContractError(f"{LENGTH_HEADER} says {header_length} but the body has {len(body)} bytes")
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
    names = [one.name for one in named]
    if len(names) != len(set(names)):
        twice = next(name for name in names if names.count(name) > 1)
        raise ContractError(f"{kind} '{twice}' came {names.count(twice)} times but one was expected")


def _slice_binary(tensors: Mapping[str, Tensor], rest: memoryview) -> dict[str, memoryview]:
    parameters = ((name, tensor.parameters) for name, tensor in tensors.items() if tensor.parameters is not None)
    sizes = {name: own.binary_data_size for name, own in parameters if own.binary_data_size is not None}
    if sum(sizes.values()) != len(rest):
        raise ContractError(
            f"{len(rest)} bytes of binary data came after the JSON but the inputs' 'binary_data_size' add up to "
            f"{sum(sizes.values())}; {LENGTH_HEADER} must say where the JSON ends"
        )
    binary, start = {}, 0
    for name, size in sizes.items():
        binary[name] = rest[start : start + size]
        start += size
    return binary
