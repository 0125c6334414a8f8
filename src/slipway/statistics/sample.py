"""Define the rows to score and their sums per block, from which every metric is computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from slipway.contract.schema import Contract
from slipway.errors import DataError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Statistic = Callable[[Floats], Floats]
"""Takes counts [rounds, blocks] and returns one value for each round."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows to score: ``y`` is the class number or the target, ``p`` is [N, classes] or [N]."""

    y: npt.NDArray[Any]
    p: Floats
    blocks: Integers
    block_count: int


def sample_of(
    contract: Contract, labels: npt.ArrayLike, predictions: npt.ArrayLike, blocks: Integers, block_count: int
) -> Sample:
    """Return the rows as a checked ``Sample``, with their classes as numbers.

    Raises:
        DataError: a prediction is NaN or infinite, a label is not in the contract, or lengths differ.
    """
    p = np.asarray(predictions, np.float64)
    y = _encode_labels(contract, np.asarray(labels))
    expected = (len(y), len(contract.classes)) if contract.task == "classification" else (len(y),)
    if p.shape != expected or len(blocks) != len(y):
        raise DataError(
            f"expected predictions of shape {expected} with {len(y):,} block numbers, got shape {p.shape} with "
            f"{len(blocks):,}"
        )
    invalid = int(np.count_nonzero(~np.isfinite(p).reshape(len(y), -1).all(axis=1))) if len(y) else 0
    if invalid:
        raise DataError(f"{invalid:,} of {len(y):,} predictions are NaN or infinite, so the model cannot be scored")
    return Sample(y, p, blocks, block_count)


def _encode_labels(contract: Contract, labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if contract.task == "regression":
        numbers = labels.astype(np.float64)
        if not np.isfinite(numbers).all():
            raise DataError(
                f"{np.count_nonzero(~np.isfinite(numbers)):,} of {len(labels):,} target values are not finite"
            )
        return numbers
    codes = np.full(len(labels), -1, np.int64)
    for number, label in enumerate(contract.classes):
        codes[labels == label] = number
    if (codes < 0).any():
        unknown = labels[codes < 0]
        raise DataError(
            f"{len(unknown):,} of {len(labels):,} labels are not in the contract, such as {unknown[0]!r}; "
            f"its classes are {', '.join(contract.classes)}"
        )
    return codes


def divide(numerator: Floats, denominator: Floats) -> Floats:
    """Return the quotient, with NaN for a division by zero."""
    result = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=result, where=denominator != 0)
    return result


def block_sums(values: Floats, sample: Sample) -> Floats:
    """Return the sum of ``values`` in each block."""
    return np.bincount(sample.blocks, values, sample.block_count).astype(np.float64)


def mean_of(values: Floats, sample: Sample) -> Statistic:
    """Return the statistic that is the mean of ``values``, weighted by the counts."""
    sums, rows = block_sums(values, sample), block_sums(np.ones(len(values)), sample)
    return lambda counts: divide(counts @ sums, counts @ rows)
