"""Load the reference that rows are compared with: from a bundle, or computed from other rows."""

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
    """A reference with its name, the contract of its columns, and the model of its release, if it has one."""

    name: str
    reference: Reference
    contract: Contract
    scorer: Scorer | None = None


def read_bundle_reference(bundle: Bundle) -> ReferenceSide:
    """Read the reference of a release, and load its model.

    Raises:
        NotFoundError: the bundle was sealed without a reference.
        BundleError: the reference cannot be read, or the model cannot be loaded.
    """
    reference, version = reference_in(bundle), bundle.release.version
    if reference is None:
        raise NotFoundError(
            f"the bundle of {version} has no {REFERENCE_FILE}, because it was sealed by an older Slipway; "
            "release the model again, or use a Parquet file as the reference"
        )
    scorer = load(bundle.path, threads=cores(), expected_digest=bundle.digest)
    return ReferenceSide(f"release {version}", reference, scorer.contract, scorer)


def build_reference(name: str, rows: Iterable[Rows], contract: Contract, *, time: str, block: str) -> ReferenceSide:
    """Compute the reference of other rows.

    Raises:
        DataError: there are no rows, or they have no timestamps to divide them into blocks.
    """
    parts = [part for part in rows if part.size]
    if not parts:
        raise DataError(f"{name} has no rows")
    columns = {c: np.concatenate([part.columns[c] for part in parts]) for c in parts[0].columns}
    blocks = np.zeros(sum(part.size for part in parts), dtype=np.int64)
    if block != "row":
        times = [part.times for part in parts if part.times is not None]
        if len(times) != len(parts):
            raise DataError(
                f"{name} has no column '{time}', which is needed to divide its rows into blocks of a {block}"
            )
        blocks = calendar_numbers(np.concatenate(times), block)
    outputs = [column.name for column in contract.outputs if column.name in columns]
    reference = reference_of(columns, blocks, time=time, block=block, predictions=outputs)
    return ReferenceSide(name, reference, contract)
