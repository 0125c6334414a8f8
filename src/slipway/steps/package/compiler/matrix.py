"""Represent the data between two steps as blocks of columns, which are concatenated only when a step needs one tensor."""

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
    """A tensor of shape [N, width], of float64 or of strings, in which the string ``null`` represents a missing one."""

    var: Var
    width: int
    strings: bool = False
    null: str = ""


Matrix = tuple[Block, ...]


def width(matrix: Matrix) -> int:
    """Return the number of columns."""
    return sum(block.width for block in matrix)


def select_columns(matrix: Matrix, columns: Sequence[int]) -> Matrix:
    """Select columns by position, in the given order; adjacent columns of one block stay one block."""
    positions = [(b, i) for b, block in enumerate(matrix) for i in range(block.width)]
    chosen = [positions[column] for column in columns]
    runs = [(b, [i for _, i in run]) for b, run in groupby(chosen, key=lambda position: position[0])]
    return tuple(_take(matrix[b], indices) for b, indices in runs)


def columns_of(matrix: Matrix) -> list[Block]:
    """Split the matrix into one block for each column."""
    return [select_columns(matrix, [column])[0] for column in range(width(matrix))]


def as_tensor(matrix: Matrix) -> Var:
    """Concatenate all columns to one float64 tensor of shape [N, width].

    Raises:
        UnsupportedModelError: a column has strings, or there is no column.
    """
    if any(block.strings for block in matrix):
        raise UnsupportedModelError(
            "A step that computes with numbers gets a column of strings; encode the column first"
        )
    if not matrix:
        raise UnsupportedModelError("A step that needs at least one column gets none")
    return matrix[0].var if len(matrix) == 1 else op.concat([block.var for block in matrix], axis=1)


def constant(value: object) -> Var:
    """Return a float64 constant."""
    return op.const(np.asarray(value, dtype=np.float64))


def integers(value: object) -> Var:
    """Return an int64 constant."""
    return op.const(np.asarray(value, dtype=np.int64))


def _take(block: Block, columns: list[int]) -> Block:
    if columns == list(range(block.width)):
        return block
    return Block(op.gather(block.var, integers(columns), axis=1), len(columns), block.strings, block.null)
