"""Run the checks on a dataset: all of them run and are written before anything is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from slipway.errors import ValidationError

MAX_EXAMPLES = 3
PRESENT = "present"
WHOLE_DATA = ""

RowMask = pd.Series | bool
"""A mask of the valid rows, or whether the data as a whole is valid."""


@dataclass(frozen=True)
class Check:
    """A check of a column, or of the data as a whole if ``column`` is empty, with the message for a failure.

    ``test`` gets the column or the data; ``failure_message`` gets the same and the number of rows that failed.
    """

    name: str
    column: str
    test: Callable[[Any], RowMask]
    failure_message: Callable[[Any, int], str]
    example_columns: tuple[str, ...] = ()
    """For a check of the data as a whole: the columns that the examples show."""


def make_row_check(name: str, column: str, test: Callable[[Any], RowMask], what: str, why: str = "") -> Check:
    """Build a check with a message that states ``what`` is wrong, in how many rows, and ``why`` it matters."""
    return Check(name, column, test, lambda values, failed: f"{what} in {failed:,} of {len(values):,} rows{why}")


class Example(msgspec.Struct, frozen=True):
    """An invalid row, counted from 0, with its value."""

    row: int
    value: Any


class CheckResult(msgspec.Struct, frozen=True):
    """Result of a check; ``failed`` is the number of invalid rows, or 0 if the data as a whole is invalid."""

    name: str
    column: str
    ok: bool
    failed: int = 0
    examples: tuple[Example, ...] = ()
    message: str = ""


def run_checks(rows: pd.DataFrame, checks: Sequence[Check], data: Path, out: Path) -> dict[str, float]:
    """Write ``validation.json`` with the result of every check, and return the number of rows and checks.

    Raises:
        ValidationError: at least one check failed; the message has one sentence for each.
    """
    results = _collect_results(rows, checks)
    report = {"rows": len(rows), "ok": all(result.ok for result in results), "checks": results}
    (out / "validation.json").write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    if failed := [result.message for result in results if not result.ok]:
        sentences = "".join(f"\n- {message}" for message in failed)
        raise ValidationError(f"{data.name} failed {len(failed)} of {len(results)} checks:{sentences}")
    return {"rows": len(rows), "checks": len(results)}


def _collect_results(frame: pd.DataFrame, checks: Sequence[Check]) -> list[CheckResult]:
    """Run every check in order and collect all results; a missing column has one result, and its checks do not run."""
    columns = dict.fromkeys(check.column for check in checks if check.column != WHOLE_DATA)
    known = [check for check in checks if check.column == WHOLE_DATA or check.column in frame.columns]
    return [_check_presence(frame, column) for column in columns] + [_run_check(frame, check) for check in known]


def _check_presence(frame: pd.DataFrame, column: str) -> CheckResult:
    if column in frame.columns:
        return CheckResult(PRESENT, column, ok=True)
    has = ", ".join(map(str, frame.columns))
    return CheckResult(PRESENT, column, ok=False, message=f"The data has no column '{column}'; it has {has}.")


def _run_check(frame: pd.DataFrame, check: Check) -> CheckResult:
    subject = frame if check.column == WHOLE_DATA else frame[check.column]
    valid = check.test(subject)
    if np.all(valid):
        return CheckResult(check.name, check.column, ok=True)
    invalid = np.flatnonzero(~valid.to_numpy(bool)) if isinstance(valid, pd.Series) else np.zeros(0, np.int64)
    examples = _examples(frame, check, invalid[:MAX_EXAMPLES])
    listed = "; ".join(f"row {example.row}: {example.value!r}" for example in examples)
    message = check.failure_message(subject, len(invalid)) + (f" ({listed})." if listed else ".")
    return CheckResult(check.name, check.column, ok=False, failed=len(invalid), examples=examples, message=message)


def _examples(frame: pd.DataFrame, check: Check, rows: npt.NDArray[np.int64]) -> tuple[Example, ...]:
    shown = list(check.example_columns) if check.column == WHOLE_DATA else [check.column]
    values = [[_json_value(value) for value in frame[column].iloc[rows]] for column in shown]
    return tuple(Example(int(row), v[0] if len(v) == 1 else v) for row, *v in zip(rows, *values, strict=True) if v)


def _json_value(value: Any) -> Any:
    """Convert a value to JSON: numbers and strings unchanged, null for None, NaN and NaT, and text for anything else."""
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, str | bool | int | float) else str(value)
