"""Is every row of IN scored or set aside, and is IN still what it was when the job began?"""

from __future__ import annotations

from collections.abc import Sequence

from slipway.batch.output.checkpoint import Record
from slipway.batch.plan import Plan
from slipway.errors import DataError


def count_rows(plan: Plan, records: Sequence[Record]) -> dict[str, int]:
    """The rows that came ``in``, were ``scored`` and ``quarantined``.

    Raises:
        DataError: a row is neither scored nor in the quarantine.
    """
    rows, scored, quarantined = (
        sum(getattr(record, key) for record in records) for key in ("rows_in", "rows", "quarantined")
    )
    if rows != scored + quarantined:
        raise DataError(
            f"{rows} rows of {plan.source} were read but {scored} scored and {quarantined} set aside; "
            "nothing was published"
        )
    return {"in": rows, "scored": scored, "quarantined": quarantined}


def check_inputs(plan: Plan, rows: int) -> None:
    """Refuse what was read of a file that changed meanwhile, and no rows at all.

    Raises:
        DataError: it is so.
    """
    if moved := [file.path for file in plan.inputs if file.moved()]:
        raise DataError(f"{moved[0]} changed while it was read; nothing was published; run the job again")
    if rows == 0:
        raise DataError(f"{plan.source} has no rows; nothing was written")
