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

EXAMPLES = 3
PRESENT = "present"
WHOLE_DATA = ""

Verdict = pd.Series | bool
"""Which rows are right, or whether the data as a whole is."""


@dataclass(frozen=True)
class Rule:
    """What must hold for a column (or, with no column, for the data), and the sentence for when it does not.

    ``test`` is given the column or the data; ``complaint`` is given the same and the number of rows that failed.
    """

    name: str
    column: str
    test: Callable[[Any], Verdict]
    complaint: Callable[[Any, int], str]
    shows: tuple[str, ...] = ()
    """For a rule on the data: the columns whose values the examples show."""


def make_row_rule(name: str, column: str, test: Callable[[Any], Verdict], what: str, why: str = "") -> Rule:
    """A rule with a complaint that says ``what`` is so in how many of the rows, and ``why`` it matters."""
    return Rule(name, column, test, lambda values, failed: f"{what} in {failed:,} of {len(values):,} rows{why}")


class Example(msgspec.Struct, frozen=True):
    """A row, counted from 0, and what stands there."""

    row: int
    value: Any


class Outcome(msgspec.Struct, frozen=True):
    """What became of a rule; ``failed`` counts rows, and is 0 where the data as a whole failed."""

    name: str
    column: str
    ok: bool
    failed: int = 0
    examples: tuple[Example, ...] = ()
    message: str = ""


def refuse_broken(rows: pd.DataFrame, rules: Sequence[Rule], data: Path, out: Path) -> dict[str, float]:
    """Write ``validation.json`` with the outcome of every rule; the number of rows and checks.

    Raises:
        ValidationError: at least one check failed; a sentence for each.
    """
    outcomes = _judge(rows, rules)
    report = {"rows": len(rows), "ok": all(o.ok for o in outcomes), "checks": outcomes}
    (out / "validation.json").write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    if failed := [outcome.message for outcome in outcomes if not outcome.ok]:
        sentences = "".join(f"\n- {message}" for message in failed)
        raise ValidationError(f"{data.name} broke {len(failed)} of {len(outcomes)} checks:{sentences}")
    return {"rows": len(rows), "checks": len(outcomes)}


def _judge(frame: pd.DataFrame, rules: Sequence[Rule]) -> list[Outcome]:
    """The outcome of every rule, in order, all failures collected; a missing column has one outcome of its own."""
    columns = dict.fromkeys(rule.column for rule in rules if rule.column != WHOLE_DATA)
    known = [rule for rule in rules if rule.column == WHOLE_DATA or rule.column in frame.columns]
    return [_presence(frame, column) for column in columns] + [_outcome(frame, rule) for rule in known]


def _presence(frame: pd.DataFrame, column: str) -> Outcome:
    if column in frame.columns:
        return Outcome(PRESENT, column, ok=True)
    has = ", ".join(map(str, frame.columns))
    return Outcome(PRESENT, column, ok=False, message=f"The data has no column '{column}'; it has {has}.")


def _outcome(frame: pd.DataFrame, rule: Rule) -> Outcome:
    subject = frame if rule.column == WHOLE_DATA else frame[rule.column]
    verdict = rule.test(subject)
    if np.all(verdict):
        return Outcome(rule.name, rule.column, ok=True)
    wrong = np.flatnonzero(~verdict.to_numpy(bool)) if isinstance(verdict, pd.Series) else np.zeros(0, np.int64)
    examples = _examples(frame, rule, wrong[:EXAMPLES])
    listed = "; ".join(f"row {example.row}: {example.value!r}" for example in examples)
    message = rule.complaint(subject, len(wrong)) + (f" ({listed})." if listed else ".")
    return Outcome(rule.name, rule.column, ok=False, failed=len(wrong), examples=examples, message=message)


def _examples(frame: pd.DataFrame, rule: Rule, rows: npt.NDArray[np.int64]) -> tuple[Example, ...]:
    shown = list(rule.shows) if rule.column == WHOLE_DATA else [rule.column]
    values = [[_plain(value) for value in frame[column].iloc[rows]] for column in shown]
    return tuple(Example(int(row), v[0] if len(v) == 1 else v) for row, *v in zip(rows, *values, strict=True) if v)


def _plain(value: Any) -> Any:
    """The value as JSON has it: numbers and strings as they are, null for every kind of nothing, else its text."""
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, str | bool | int | float) else str(value)
