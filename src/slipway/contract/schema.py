"""The model's public interface: what callers send and what they get back. Light: serving imports it too."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from slipway.errors import ContractError

Type = Literal["double", "long", "string", "boolean"]
Task = Literal["classification", "regression"]

FORMAT = 1
NULL_STRING = "\x00null"
"""Stands for a missing string inside `model.onnx`, whose strings have no null."""


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One input or output. A nullable input may also be left out; `values` closes the set of allowed strings."""

    name: str
    type: Type
    nullable: bool = False
    values: tuple[str, ...] = ()


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Inputs and outputs in order, and for classification the class labels in the order of the probabilities."""

    name: str
    task: Task
    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]
    classes: tuple[str, ...] = ()
    null_string: str = NULL_STRING
    format: int = FORMAT

    @property
    def strings(self) -> list[str]:
        """Names of the string inputs, in order."""
        return [column.name for column in self.inputs if column.type == "string"]

    @property
    def numbers(self) -> list[str]:
        """Names of the inputs that the model takes as float64, in order."""
        return [column.name for column in self.inputs if column.type != "string"]


def outputs_of(task: Task, classes: tuple[str, ...]) -> tuple[Column, ...]:
    """The output columns that batch writes and v2 answers: a prediction, and one probability for each class."""
    if task == "regression":
        return (Column("prediction", "double"),)
    return (Column("prediction", "string"), *(Column(f"probability_{label}", "double") for label in classes))


def decode_contract(text: bytes, origin: str) -> Contract:
    """Parse ``contract.json``.

    Raises:
        ContractError: it is not JSON, or not a contract; the message names ``origin`` and the place.
    """
    try:
        return msgspec.json.decode(text, type=Contract)
    except msgspec.DecodeError as error:
        raise ContractError(
            f"{origin} is not a contract: {error}; `slipway contract write` makes it anew from slipway.toml"
        ) from None


def read_contract(path: Path) -> Contract:
    """Read and parse a contract file.

    Raises:
        ContractError: the file is missing or is not a contract.
    """
    try:
        text = path.read_bytes()
    except OSError:
        raise ContractError(
            f"there is no contract at {path}; `slipway contract write` makes it from slipway.toml"
        ) from None
    return decode_contract(text, str(path))


def encode_contract(contract: Contract) -> bytes:
    """The contract as indented JSON with a final newline, stable for a review by diff."""
    return msgspec.json.format(msgspec.json.encode(contract), indent=2) + b"\n"
