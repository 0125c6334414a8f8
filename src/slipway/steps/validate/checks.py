"""The checks of a data set: all are run and kept before anything is refused."""

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
"""Which rows are right, or whether the data as a whole is."""


@dataclass(frozen=True)
class Check:
    """What must hold for a column (or, with no column, for the data), and the sentence for when it does not.

    ``test`` is given the column or the data; ``complaint`` is given the same and the number of rows that failed.
    """

    name: str
    column: str
    test: Callable[[Any], RowMask]
    failure_message: Callable[[Any, int], str]
    example_columns: tuple[str, ...] = ()
    """For a rule on the data: the columns whose values the examples show."""


def make_row_check(name: str, column: str, test: Callable[[Any], RowMask], what: str, why: str = "") -> Check:
    """A rule with a complaint that says ``what`` is so in how many of the rows, and ``why`` it matters."""
    return Check(name, column, test, lambda values, failed: f"{what} in {failed:,} of {len(values):,} rows{why}")


class Example(msgspec.Struct, frozen=True):
    """A row, counted from 0, and what stands there."""

    row: int
    value: Any


class CheckResult(msgspec.Struct, frozen=True):
    """What became of a rule; ``failed`` counts rows, and is 0 where the data as a whole failed."""

    name: str
    column: str
    ok: bool
    failed: int = 0
    examples: tuple[Example, ...] = ()
    message: str = ""


def run_checks(rows: pd.DataFrame, checks: Sequence[Check], data: Path, out: Path) -> dict[str, float]:
    """Write ``validation.json`` with the outcome of every rule; the number of rows and checks.

    Raises:
        ValidationError: at least one check failed; a sentence for each.
    """
    outcomes = _collect_results(rows, checks)
    report = {"rows": len(rows), "ok": all(o.ok for o in outcomes), "checks": outcomes}
    (out / "validation.json").write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    if failed := [outcome.message for outcome in outcomes if not outcome.ok]:
        sentences = "".join(f"\n- {message}" for message in failed)
        raise ValidationError(f"{data.name} broke {len(failed)} of {len(outcomes)} checks:{sentences}")
    return {"rows": len(rows), "checks": len(outcomes)}


def _collect_results(frame: pd.DataFrame, checks: Sequence[Check]) -> list[CheckResult]:
    """The outcome of every rule, in order, all failures collected; a missing column has one outcome of its own."""
    columns = dict.fromkeys(rule.column for rule in checks if rule.column != WHOLE_DATA)
    known = [rule for rule in checks if rule.column == WHOLE_DATA or rule.column in frame.columns]
    return [_check_presence(frame, column) for column in columns] + [_run_check(frame, rule) for rule in known]


def _check_presence(frame: pd.DataFrame, column: str) -> CheckResult:
    if column in frame.columns:
        return CheckResult(PRESENT, column, ok=True)
    has = ", ".join(map(str, frame.columns))
    return CheckResult(PRESENT, column, ok=False, message=f"The data has no column '{column}'; it has {has}.")


def _run_check(frame: pd.DataFrame, check: Check) -> CheckResult:
    subject = frame if check.column == WHOLE_DATA else frame[check.column]
    verdict = check.test(subject)
    if np.all(verdict):
        return CheckResult(check.name, check.column, ok=True)
    wrong = np.flatnonzero(~verdict.to_numpy(bool)) if isinstance(verdict, pd.Series) else np.zeros(0, np.int64)
    examples = _examples(frame, check, wrong[:MAX_EXAMPLES])
    listed = "; ".join(f"row {example.row}: {example.value!r}" for example in examples)
    message = check.failure_message(subject, len(wrong)) + (f" ({listed})." if listed else ".")
    return CheckResult(check.name, check.column, ok=False, failed=len(wrong), examples=examples, message=message)


def _examples(frame: pd.DataFrame, check: Check, rows: npt.NDArray[np.int64]) -> tuple[Example, ...]:
    shown = list(check.example_columns) if check.column == WHOLE_DATA else [check.column]
    values = [[_json_value(value) for value in frame[column].iloc[rows]] for column in shown]
    return tuple(Example(int(row), v[0] if len(v) == 1 else v) for row, *v in zip(rows, *values, strict=True) if v)


def _json_value(value: Any) -> Any:
    """The value as JSON has it: numbers and strings as they are, null for every kind of nothing, else its text."""
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, str | bool | int | float) else str(value)
