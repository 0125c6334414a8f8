"""Convert imputation, scaling and feature selection, in scikit-learn's order of operations."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import spox.opset.ai.onnx.v21 as op
from spox import Var

from slipway.steps.package.compiler.errors import unsupported_error
from slipway.steps.package.compiler.matrix import Block, Matrix, as_tensor, columns_of, constant, select_columns, width


def standard_scaler(step: Any, matrix: Matrix) -> Matrix:
    """Subtract the mean, then divide by the standard deviation."""
    return _shift_then_divide(matrix, step.mean_ if step.with_mean else None, step.scale_ if step.with_std else None)


def robust_scaler(step: Any, matrix: Matrix) -> Matrix:
    """Subtract the median, then divide by the range between quantiles."""
    return _shift_then_divide(
        matrix, step.center_ if step.with_centering else None, step.scale_ if step.with_scaling else None
    )


def max_abs_scaler(step: Any, matrix: Matrix) -> Matrix:
    """Divide by the largest absolute value."""
    if getattr(step, "clip", False):
        raise unsupported_error(step, "with clip=True has no converter")
    return _shift_then_divide(matrix, None, step.scale_)


def min_max_scaler(step: Any, matrix: Matrix) -> Matrix:
    """Multiply, then add, then clip if the scaler clips."""
    scaled = op.add(op.mul(as_tensor(matrix), constant(step.scale_)), constant(step.min_))
    if step.clip:
        low, high = step.feature_range
        scaled = op.clip(scaled, constant(low), constant(high))
    return (Block(scaled, width(matrix)),)


def selector(step: Any, matrix: Matrix) -> Matrix:
    """Select the columns that a feature selection kept."""
    return select_columns(matrix, [int(column) for column in step.get_support(indices=True)])


def simple_imputer(step: Any, matrix: Matrix) -> Matrix:
    """Replace missing values, then add one column of zeros and ones for each column that had any in training."""
    blocks = columns_of(matrix)
    filled = tuple(_fill_missing(step, block, value) for block, value in _columns_with_fill(step, blocks))
    if not step.add_indicator:
        return filled
    flags = tuple(Block(op.cast(_is_missing(step, blocks[i]), to=np.float64), 1) for i in step.indicator_.features_)
    return (*filled, *flags)


def _shift_then_divide(
    matrix: Matrix, shift: npt.NDArray[np.float64] | None, divisor: npt.NDArray[np.float64] | None
) -> Matrix:
    result = as_tensor(matrix)
    if shift is not None:
        result = op.sub(result, constant(shift))
    if divisor is not None:
        result = op.div(result, constant(divisor))
    return (Block(result, width(matrix)),)


def _columns_with_fill(step: Any, blocks: list[Block]) -> list[tuple[Block, Any]]:
    """Return columns with their fill value, without those that were always missing in training, as scikit-learn does."""
    pairs = list(zip(blocks, step.statistics_, strict=True))
    return pairs if step.keep_empty_features else [(block, value) for block, value in pairs if not pd.isna(value)]


def _fill_missing(step: Any, block: Block, value: Any) -> Block:
    if block.strings != isinstance(value, str):
        raise unsupported_error(
            step, f"replaces missing values with {value!r} in a column of {'strings' if block.strings else 'numbers'}"
        )
    fill = op.const(np.array([value], dtype=object)) if block.strings else constant([value])
    return Block(op.where(_is_missing(step, block), fill, block.var), 1, block.strings, block.null)


def _is_missing(step: Any, block: Block) -> Var:
    missing = step.missing_values
    if block.strings:
        wanted = block.null if missing is None else missing
        if not isinstance(wanted, str):
            raise unsupported_error(
                step, f"with missing_values={missing!r} finds nothing among strings; set missing_values=None"
            )
        return op.equal(block.var, op.const(np.array([wanted], dtype=object)))
    if not isinstance(missing, int | float):
        raise unsupported_error(step, f"with missing_values={missing!r} finds nothing among numbers")
    return op.isnan(block.var) if np.isnan(missing) else op.equal(block.var, constant([missing]))
