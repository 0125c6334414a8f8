"""How often does drift alarm where there is none? Rows are split at random again and again, half against half.

    python -m tests.benchmarks.drift .slipway/target/current september.parquet --splits 200

The splits are of whole blocks (days), so that each side has days of its own, and of single rows. An alarm counts whatever
its size: ``minimum_effect``, which silences most of what is left, is off.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from slipway.bundle.release_file import verify
from slipway.drift.bin_counts import BinCounts
from slipway.drift.permutation_test import MIN_ROUNDS
from slipway.drift.reference import read_bundle_reference
from slipway.drift.rescore import rescore_rows
from slipway.drift.rows import Rows, RowSelection, read_rows
from slipway.drift.windows import Threshold, single_window
from slipway.statistics.build_reference import reference_of
from slipway.statistics.time_blocks import calendar_numbers

RATES = (0.01, 0.05, 0.2)
Side = npt.NDArray[np.bool_]


def smallest_chances(rows: Rows, block: str, splits: int, side: Callable[[np.random.Generator], Side]) -> list[float]:
    """For each split the chance of the column that moved furthest."""
    found = []
    for seed in range(splits):
        first = side(np.random.default_rng(seed))
        found.append(min(finding.chance for finding in _window(rows, block, first).findings))
    return found


def _window(rows: Rows, block: str, first: Side):  # type: ignore[no-untyped-def]
    assert rows.times is not None
    blocks = np.zeros(rows.size, np.int64) if block == "row" else calendar_numbers(rows.times, block)
    halves = [{name: values[part] for name, values in rows.columns.items()} for part in (first, ~first)]
    tally = BinCounts(reference_of(halves[0], blocks[first], time="time", block=block))
    tally.add(Rows(halves[1], rows.times[~first]))
    return single_window(tally, Threshold(RATES[0], 0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("rows")
    parser.add_argument("--splits", type=int, default=200)
    given = parser.parse_args()
    against = read_bundle_reference(verify(given.bundle))
    assert against.scorer
    reference = against.reference
    parts = [
        rescore_rows(r, against.scorer) for r in read_rows(given.rows, RowSelection(against.contract, reference.time))
    ]
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in reference.columns}
    rows = Rows(columns, np.concatenate([part.times for part in parts if part.times is not None]))
    days = calendar_numbers(rows.times, "day")  # type: ignore[arg-type]  # known by now
    print(f"{rows.size:,} rows of {len(np.unique(days))} days, {len(columns)} columns, {MIN_ROUNDS} rounds")

    def by_day(generator: np.random.Generator) -> Side:
        there = np.unique(days)
        return np.isin(days, generator.choice(there, len(there) // 2, replace=False))

    def by_row(generator: np.random.Generator) -> Side:
        return generator.random(rows.size) < 0.5

    for name, block, side in (("days, judged by day", "day", by_day), ("rows, judged by day", "day", by_row),
                              ("rows, judged by row", "row", by_row), ("days, judged by row", "row", by_day)):  # fmt: skip
        found = np.array(smallest_chances(rows, block, given.splits, side))
        told = ", ".join(f"{np.sum(found <= rate)} at {rate:g}" for rate in RATES)
        print(f"{name}: alarms in {given.splits} splits: {told}", flush=True)


if __name__ == "__main__":
    main()
