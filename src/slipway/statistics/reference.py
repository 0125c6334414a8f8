"""How the rows that judged a release are distributed: what drift is measured against later.

Light, since it is read where predictions are logged. Rows are counted by *block* (a day, say), since the rows of one
block are not independent: how much the blocks differ among themselves is what chance alone does.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from slipway.contract.schema import Contract
from slipway.errors import BundleError
from slipway.statistics.sample import Integers

Array = npt.NDArray[Any]
REFERENCE_FILE = "reference.json"
FORMAT = 1


class ColumnProfile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A column: how many rows of each block are in each of its bins, of which the last two are nulls and strangers.

    A number's bins are told apart by its ``edges``; a text's are its frequent ``values``, and one for all others.
    Strangers are what nobody had seen: numbers beyond ``low`` and ``high``, and texts that are not ``known``. That is not
    told where there are too many texts to keep, or no training rows to tell it by.
    """

    counts: tuple[tuple[int, ...], ...]
    edges: tuple[float, ...] = ()
    values: tuple[str, ...] | None = None
    low: float | None = None
    high: float | None = None
    known: tuple[str, ...] | None = None
    prediction: bool = False

    @property
    def null(self) -> int:
        """The bin of the nulls, which follows those of values; the next and last one is that of strangers."""
        return len(self.edges if self.values is None else self.values) + 1

    @property
    def width(self) -> int:
        """How many bins there are."""
        return self.null + 2

    def bins_of(self, values: Array) -> Integers:
        """The bin of each value: a float64 array with NaN for null, or objects of str and None."""
        if self.values is not None:
            places = self._bin_by_value
            other = self.null - 1 if self.known is None else self.null + 1
            return np.fromiter((places.get(value, other) for value in values.tolist()), np.int64, len(values))
        bins = np.searchsorted(np.array(self.edges), values)
        if self.low is not None and self.high is not None:
            bins[(values < self.low) | (values > self.high)] = self.null + 1
        bins[np.isnan(values)] = self.null
        return bins.astype(np.int64)

    @property
    def _bin_by_value(self) -> dict[str | None, int]:
        places: dict[str | None, int] = dict.fromkeys(self.known or (), self.null - 1)
        return places | {text: place for place, text in enumerate(self.values or ())} | {None: self.null}


class Reference(msgspec.Struct, frozen=True):
    """The rows by block: calendar numbers of the unit ``block``, told apart by the column ``time``; or one block of all."""

    format: int
    rows: int
    time: str
    block: str
    blocks: tuple[int, ...]
    columns: dict[str, ColumnProfile]
    left_out: tuple[str, ...] = ()
    """Columns for which there was no room."""


def counts_of(bins: Integers, blocks: Integers, size: int, width: int) -> tuple[tuple[int, ...], ...]:
    """How many rows of each block, numbered from 0, are in each bin."""
    table = np.bincount(blocks * width + bins, minlength=size * width).reshape(size, width)
    return tuple(tuple(row) for row in table.tolist())


def predictions_by_output(contract: Contract, numbers: Array, labels: Array | None) -> dict[str, Array]:
    """A model's answers by the name of their output; of two classes, the probability of the positive one says all."""
    first, *others = [column.name for column in contract.outputs]
    if labels is None:
        return {first: numbers}
    answers = {first: np.asarray(labels, dtype=object)} | dict(zip(others, numbers.T, strict=True))
    return {name: values for name, values in answers.items() if len(others) != 2 or name != others[0]}


def encode_reference(reference: Reference) -> bytes:
    """The reference as ``reference.json``: the same bytes for the same rows."""
    return msgspec.json.encode(reference) + b"\n"


def decode_reference(text: bytes, origin: str) -> Reference:
    """Parse ``reference.json``.

    Raises:
        BundleError: it is malformed, or of a format that this Slipway does not know.
    """
    try:
        found = msgspec.json.decode(text, type=Reference)
    except msgspec.DecodeError as error:
        raise BundleError(f"{origin} is malformed: {error}") from None
    if found.format != FORMAT:
        raise BundleError(f"{origin} is of format {found.format} but this Slipway reads format {FORMAT}; upgrade it")
    return found
