"""What the rows are held against: the reference that a bundle carries, or that of other rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from slipway.bundle.release_file import Bundle
from slipway.contract.schema import Contract
from slipway.drift.rows import Rows
from slipway.errors import DataError, NotFoundError
from slipway.inference.bundle_reference import reference_in
from slipway.inference.engines import cores
from slipway.inference.scorer import Scorer, load
from slipway.statistics.build_reference import reference_of
from slipway.statistics.reference import REFERENCE_FILE, Reference
from slipway.statistics.time_blocks import calendar_numbers


@dataclass(frozen=True, slots=True)
class ReferenceSide:
    """A reference by its name, the contract of its columns, and the release whose it is, if it is one's."""

    name: str
    reference: Reference
    contract: Contract
    scorer: Scorer | None = None


def read_bundle_reference(bundle: Bundle) -> ReferenceSide:
    """The reference of a release, with its model.

    Raises:
        NotFoundError: it was sealed without one.
        BundleError: it cannot be read, or the model cannot be loaded.
    """
    reference, version = reference_in(bundle), bundle.release.version
    if reference is None:
        raise NotFoundError(
            f"the bundle of {version} has no {REFERENCE_FILE}, since it was sealed before Slipway made one; "
            "release the model again, or name a Parquet file as the reference"
        )
    scorer = load(bundle.path, threads=cores(), expected_digest=bundle.digest)
    return ReferenceSide(f"release {version}", reference, scorer.contract, scorer)


def build_reference(name: str, rows: Iterable[Rows], contract: Contract, *, time: str, block: str) -> ReferenceSide:
    """The reference of other rows.

    Raises:
        DataError: there are none, or they have no time by which they would be in blocks.
    """
    parts = [part for part in rows if part.size]
    if not parts:
        raise DataError(f"{name} has no rows")
    columns = {c: np.concatenate([part.columns[c] for part in parts]) for c in parts[0].columns}
    blocks = np.zeros(sum(part.size for part in parts), dtype=np.int64)
    if block != "row":
        moments = [part.times for part in parts if part.times is not None]
        if len(moments) != len(parts):
            raise DataError(f"{name} has no column '{time}', by which its rows would be in blocks of a {block}")
        blocks = calendar_numbers(np.concatenate(moments), block)
    outputs = [column.name for column in contract.outputs if column.name in columns]
    made = reference_of(columns, blocks, time=time, block=block, predictions=outputs)
    return ReferenceSide(name, made, contract)
