"""Define the reference: the distribution of a release's holdout rows, with which drift detection compares later rows.

Has few imports, because the server reads it too. Rows are counted per *block* (for example a day), because the rows of
one block are not independent: the variation between blocks shows how large a difference can arise by chance.
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
    """A column: the number of rows of each block in each of its bins; the last two bins are nulls and unseen values.

    A numeric column has bins between its ``edges``; a text column has one for each of its frequent ``values`` and one for
    all other texts. Unseen values are numbers outside ``low`` to ``high``, and texts that are not in ``known``. ``known``
    is None if there are too many texts to store, or if there were no training rows.
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
        """The bin of the nulls, which follows the bins of values; the next one, the last, is for unseen values."""
        return len(self.edges if self.values is None else self.values) + 1

    @property
    def width(self) -> int:
        """The number of bins."""
        return self.null + 2

    def bins_of(self, values: Array) -> Integers:
        """Return the bin of each value; ``values`` is float64 with NaN for null, or objects of str and None."""
        if self.values is not None:
            bin_of = self._bin_by_value
            other = self.null - 1 if self.known is None else self.null + 1
            return np.fromiter((bin_of.get(value, other) for value in values.tolist()), np.int64, len(values))
        bins = np.searchsorted(np.array(self.edges), values)
        if self.low is not None and self.high is not None:
            bins[(values < self.low) | (values > self.high)] = self.null + 1
        bins[np.isnan(values)] = self.null
        return bins.astype(np.int64)

    @property
    def _bin_by_value(self) -> dict[str | None, int]:
        bins: dict[str | None, int] = dict.fromkeys(self.known or (), self.null - 1)
        return bins | {text: index for index, text in enumerate(self.values or ())} | {None: self.null}


class Reference(msgspec.Struct, frozen=True):
    """``reference.json``: the columns' profiles, with rows counted per block.

    ``blocks`` are calendar numbers in the unit ``block`` of the column ``time``; without a time column there is one block.
    Released bundles contain this structure, so a changed field needs a new ``format``.
    """

    format: int
    rows: int
    time: str
    block: str
    blocks: tuple[int, ...]
    columns: dict[str, ColumnProfile]
    left_out: tuple[str, ...] = ()
    """Columns that were omitted because the file would have been too large."""


def counts_of(bins: Integers, blocks: Integers, size: int, width: int) -> tuple[tuple[int, ...], ...]:
    """Count the rows of each block (numbered from 0) in each bin."""
    table = np.bincount(blocks * width + bins, minlength=size * width).reshape(size, width)
    return tuple(tuple(row) for row in table.tolist())


def predictions_by_output(contract: Contract, numbers: Array, labels: Array | None) -> dict[str, Array]:
    """Return a model's predictions by output column; with two classes, only the positive class's probability is kept."""
    first, *others = [column.name for column in contract.outputs]
    if labels is None:
        return {first: numbers}
    columns = {first: np.asarray(labels, dtype=object)} | dict(zip(others, numbers.T, strict=True))
    return {name: values for name, values in columns.items() if len(others) != 2 or name != others[0]}


def encode_reference(reference: Reference) -> bytes:
    """Return the reference as the bytes of ``reference.json``; the same rows always give the same bytes."""
    return msgspec.json.encode(reference) + b"\n"


def decode_reference(text: bytes, origin: str) -> Reference:
    """Parse ``reference.json``.

    Raises:
        BundleError: the file is malformed, or has a format that this version of Slipway does not support.
    """
    try:
        found = msgspec.json.decode(text, type=Reference)
    except msgspec.DecodeError as error:
        raise BundleError(f"{origin} is malformed: {error}") from None
    if found.format != FORMAT:
        raise BundleError(
            f"{origin} has format {found.format}, but this Slipway reads format {FORMAT}; upgrade Slipway"
        )
    return found
