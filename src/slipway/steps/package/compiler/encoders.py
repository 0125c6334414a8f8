"""Convert encoders: each becomes a lookup table from categories to numbers, computed with the fitted encoder itself."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import spox.opset.ai.onnx.ml.v5 as ml
import spox.opset.ai.onnx.v21 as op

from slipway.errors import ContractError
from slipway.steps.package.compiler.errors import unsupported_error
from slipway.steps.package.compiler.matrix import Block, Matrix, columns_of, integers

Table = npt.NDArray[np.float64]


def ordinal_encoder(step: Any, matrix: Matrix) -> Matrix:
    """Map each category to one number; missing and unknown categories get the numbers that the encoder gives them."""
    _check_handle_unknown(step, "use_encoded_value")
    return _encode(step, matrix, [1] * len(step.categories_))


def one_hot_encoder(step: Any, matrix: Matrix) -> Matrix:
    """Map each category to a row of ones and zeros, including categories that the encoder drops or groups."""
    _check_handle_unknown(step, "ignore")
    return _encode(step, matrix, list(step._n_features_outs))


def target_encoder(step: Any, matrix: Matrix) -> Matrix:
    """Map each category to the mean of its target; with more than two classes, to one number for each class."""
    many = len(step.classes_) if step.target_type_ == "multiclass" else 1
    return _encode(step, matrix, [many] * len(step.categories_))


def _check_handle_unknown(step: Any, remedy: str) -> None:
    if step.handle_unknown == "error":
        raise unsupported_error(
            step, f"raises an error for an unseen category, which ONNX cannot do; set handle_unknown='{remedy}'"
        )


def _encode(step: Any, matrix: Matrix, widths: list[int]) -> Matrix:
    blocks = columns_of(matrix)
    ends = np.cumsum(widths)
    table = _encode_categories(step, blocks)
    return tuple(
        _look_up(block, _table_keys(step, block, categories), table[:, end - width : end])
        for block, categories, width, end in zip(blocks, step.categories_, widths, ends, strict=True)
        if width
    )


def _encode_categories(step: Any, blocks: list[Block]) -> Table:
    """Encode every category with the fitted encoder: row k has category k of each column, the last row unknown ones."""
    rows = max(len(categories) for categories in step.categories_) + 1
    names = getattr(step, "feature_names_in_", range(len(blocks)))
    columns = {
        name: _pad_categories(list(categories), rows, block.strings)
        for name, categories, block in zip(names, step.categories_, blocks, strict=True)
    }
    frame = pd.DataFrame(columns)
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        encoded = step.transform(frame if hasattr(step, "feature_names_in_") else frame.to_numpy())
    return np.asarray(encoded.toarray() if hasattr(encoded, "toarray") else encoded, dtype=np.float64)


def _pad_categories(categories: list[Any], rows: int, strings: bool) -> pd.Series:
    # The largest known category plus one, or followed by "?", cannot be a known category.
    known = [category for category in categories if not pd.isna(category)]
    unknown: Any = max(known, default="") + "?" if strings else float(max(known, default=0)) + 1
    filled = categories + [unknown] * (rows - len(categories))
    return pd.Series(filled, dtype=object if strings else np.float64)


def _table_keys(step: Any, block: Block, categories: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if not block.strings and categories.dtype.kind not in "biuf":
        raise unsupported_error(
            step, f"has strings among its categories, but its input is numbers: {list(categories)!r}"
        )
    if not block.strings:
        return categories.astype(np.float64)
    if block.null in list(categories):
        raise ContractError(
            f"the training data contains the string {block.null!r}, which represents a missing string in the contract; "
            "choose another null_string for the contract"
        )
    keys = [block.null if category is None else category for category in categories]
    if not all(isinstance(key, str) for key in keys):
        raise unsupported_error(step, f"mixes strings with other categories: {list(categories)!r}")
    return np.array(keys, dtype=object)


def _look_up(block: Block, keys: npt.NDArray[Any], table: Table) -> Block:
    """Look up one number for each value directly, or several numbers as a row of the table."""
    if table.shape[1] == 1:
        values, default = table[: len(keys), 0], table[-1:, 0]
        codes = ml.label_encoder(block.var, keys_tensor=keys, values_tensor=values, default_tensor=default)
        return Block(codes, 1)
    rows, unknown = np.arange(len(keys)), np.array([len(table) - 1])
    codes = ml.label_encoder(block.var, keys_tensor=keys, values_tensor=rows, default_tensor=unknown)
    return Block(op.gather(op.const(table), op.reshape(codes, integers([-1])), axis=0), table.shape[1])
