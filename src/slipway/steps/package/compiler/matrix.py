"""The data between two steps: blocks of columns side by side, so that nothing is joined before it must be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import spox.opset.ai.onnx.v21 as op
from spox import Var

from slipway.steps.package.compiler.errors import UnsupportedModelError


@dataclass(frozen=True)
class Block:
    """A tensor of shape [N, width], of float64 or of strings in which ``null`` stands for a missing one."""

    var: Var
    width: int
    strings: bool = False
    null: str = ""


Matrix = tuple[Block, ...]


def width(matrix: Matrix) -> int:
    """How many columns there are."""
    return sum(block.width for block in matrix)


def select_columns(matrix: Matrix, columns: Sequence[int]) -> Matrix:
    """Columns by position, in the order given; neighbours out of one block stay one block."""
    places = [(b, i) for b, block in enumerate(matrix) for i in range(block.width)]
    chosen = [places[column] for column in columns]
    runs = [(b, [i for _, i in run]) for b, run in groupby(chosen, key=lambda place: place[0])]
    return tuple(_take(matrix[b], indices) for b, indices in runs)


def columns_of(matrix: Matrix) -> list[Block]:
    """Every column as a block of its own."""
    return [select_columns(matrix, [column])[0] for column in range(width(matrix))]


def as_tensor(matrix: Matrix) -> Var:
    """All columns as one float64 tensor of shape [N, width].

    Raises:
        CannotCompile: there are strings among them.
    """
    if any(block.strings for block in matrix):
        raise UnsupportedModelError("A column of strings reaches a step that computes with numbers; encode it first")
    if not matrix:
        raise UnsupportedModelError("No column reaches a step that needs at least one")
    return matrix[0].var if len(matrix) == 1 else op.concat([block.var for block in matrix], axis=1)


def constant(value: object) -> Var:
    """A float64 constant."""
    return op.const(np.asarray(value, dtype=np.float64))


def integers(value: object) -> Var:
    """An int64 constant."""
    return op.const(np.asarray(value, dtype=np.int64))


def _take(block: Block, columns: list[int]) -> Block:
    if columns == list(range(block.width)):
        return block
    return Block(op.gather(block.var, integers(columns), axis=1), len(columns), block.strings, block.null)
