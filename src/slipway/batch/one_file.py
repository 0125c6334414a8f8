"""Score into a single file: a dataset with one part, which becomes the file. An invalid row refuses the file."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from slipway.batch.engine import ProgressCallback, local_engine
from slipway.batch.output.checkpoint import Checkpoint, temporary_checkpoint
from slipway.batch.output.location import check_file_location, check_not_an_input
from slipway.batch.output.manifest import count_rows
from slipway.batch.output.part_writer import QUARANTINE_FOLDER, first_rows
from slipway.batch.plan import Options, Plan, check_inputs, plan_file
from slipway.errors import ContractError
from slipway.inference.scorer import Scorer
from slipway.storage import atomic
from slipway.tables.csv_reader import find_lines


def score_file(
    source: str,
    out: Path,
    scorer: Scorer,
    *,
    keep: Sequence[str] = (),
    progress: Callable[[Plan], ProgressCallback] = lambda plan: lambda rows, place: None,
) -> dict[str, Any]:
    """Score every row of IN into one file. The file appears complete or not at all; a failure leaves OUT unchanged.

    Args:
        source: the input: a file, a folder, a glob or a URI.
        out: the output file; its suffix decides the format.
        scorer: scores every row, even if another bundle becomes champion during the job; its golden predictions have
            been checked.
        keep: the input columns to write beside the outputs and ``release``; all of them if empty.
        progress: called with the plan; returns the function that takes the progress.

    Returns:
        ``rows``, ``seconds``, the ``release`` and ``digest`` of the bundle, and the path ``out``.

    Raises:
        DataError: an input is missing, truncated, without rows or without a column, or changed while it was read.
        ContractError: a column has a wrong type, or rows break the contract; nothing was written.
        SettingsError: OUT is an input, or its suffix is not a known format.
        StorageError: OUT cannot be written.
    """
    began = time.perf_counter()
    # No limit on the rows of a part, so the job has exactly one.
    options = Options(tuple(keep), check_file_location(source, out), rows_per_part=sys.maxsize)
    plan = plan_file(source, scorer.contract, options)
    check_not_an_input(plan, out)
    with temporary_checkpoint(out) as work:
        rows = _publish_part(plan, scorer, work, progress(plan))
    seconds, release = round(time.perf_counter() - began, 3), scorer.bundle.release.version
    return {"rows": rows, "seconds": seconds, "release": release, "digest": scorer.bundle.digest, "out": str(out)}


def _publish_part(plan: Plan, scorer: Scorer, checkpoint: Checkpoint, progress: ProgressCallback) -> int:
    """Score the only part, rename it to OUT and return its number of rows."""
    with local_engine(plan, scorer) as engine:
        parts = list(engine.remaining_parts(checkpoint, [], progress))
    rows = count_rows(plan, parts)
    check_inputs(plan, rows["in"])
    if rows["quarantined"]:
        raise ContractError(
            f"{rows['quarantined']} of the {rows['in']} rows of {plan.source} break the contract, so nothing was "
            f"written: {'; '.join(_invalid_examples(plan, checkpoint, rows['quarantined']))}"
        )
    atomic.move_file(checkpoint.dataset / parts[0].name, checkpoint.out)
    return rows["in"]


def _invalid_examples(plan: Plan, checkpoint: Checkpoint, invalid: int) -> Iterator[str]:
    rows = first_rows(checkpoint.dataset / QUARANTINE_FOLDER)
    for file in plan.inputs:
        own = [row for row in rows if row["file"] == file.name]
        lines = find_lines(file, [row["row"] for row in own]) if own and file.format == "csv" else {}
        within = f"{file.name} " if len(plan.inputs) > 1 else ""
        for row in own:
            line = f" (line {lines[row['row']]})" if row["row"] in lines else ""
            yield f"{within}row {row['row']}{line}, {row['reasons']}"
    if invalid > len(rows):
        yield "..."
