"""Define the contract: the columns that callers send and get back. Has few imports, because serving loads it too."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from slipway.errors import ContractError

Type = Literal["double", "long", "string", "boolean"]
Task = Literal["classification", "regression"]

FORMAT = 1
NULL_STRING = "\x00null"
"""Stands for a missing string inside `model.onnx`, where strings cannot be null."""


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One input or output. A nullable input can also be left out; `values` lists the allowed strings (empty: any)."""

    name: str
    type: Type
    nullable: bool = False
    values: tuple[str, ...] = ()


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Inputs and outputs in order, and for classification the class labels in the order of the probabilities.

    ``contract.json`` is this structure: released bundles contain it, so a changed field needs a new ``format``.
    """

    name: str
    task: Task
    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]
    classes: tuple[str, ...] = ()
    null_string: str = NULL_STRING
    format: int = FORMAT

    @property
    def strings(self) -> list[str]:
        """The names of the string inputs, in order."""
        return [column.name for column in self.inputs if column.type == "string"]

    @property
    def numbers(self) -> list[str]:
        """The names of the inputs that the model takes as float64, in order."""
        return [column.name for column in self.inputs if column.type != "string"]


def outputs_of(task: Task, classes: tuple[str, ...]) -> tuple[Column, ...]:
    """Return the columns that batch and protocol v2 put out: a prediction and, for classes, one probability each."""
    if task == "regression":
        return (Column("prediction", "double"),)
    return (Column("prediction", "string"), *(Column(f"probability_{label}", "double") for label in classes))


def decode_contract(text: bytes, origin: str) -> Contract:
    """Parse ``contract.json``.

    Raises:
        ContractError: the text is not JSON or not a contract; the message names ``origin`` and the position.
    """
    try:
        return msgspec.json.decode(text, type=Contract)
    except msgspec.DecodeError as error:
        raise ContractError(
            f"{origin} is not a contract: {error}; `slipway contract write` recreates it from slipway.toml"
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
            f"{path}: no such contract file; `slipway contract write` creates it from slipway.toml"
        ) from None
    return decode_contract(text, str(path))


def encode_contract(contract: Contract) -> bytes:
    """Return the contract as indented JSON with a final newline, so that a review shows a readable diff."""
    return msgspec.json.format(msgspec.json.encode(contract), indent=2) + b"\n"
