"""All checks are run before anything is refused, and every one of them is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from slipway.contract.schema import Contract
from slipway.errors import ValidationError
from slipway.steps.validate import expectations
from slipway.steps.validate.checks import Outcome, Rule, judge


def expectation_rules(wanted: Mapping[str, Any], rows: pd.DataFrame, contract: Contract, target: str) -> Iterator[Rule]:
    """A rule for each expectation of ``[validate]``.

    Raises:
        SettingsError: one has an unknown name, column or class, or bounds that cannot be met.
    """
    known = [*rows.columns, *(column.name for column in contract.inputs)]
    return expectations.expectation_rules(expectations.read_expectations(wanted, known, contract), target)


def refuse_broken(rows: pd.DataFrame, rules: Sequence[Rule], data: Path, out: Path) -> dict[str, float]:
    """Write ``validation.json`` with the outcome of every rule; the number of rows and checks.

    Raises:
        ValidationError: at least one check failed; a sentence for each.
    """
    outcomes = judge(rows, rules)
    report = {"rows": len(rows), "ok": all(o.ok for o in outcomes), "checks": outcomes}
    (out / "validation.json").write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    _refuse([outcome for outcome in outcomes if not outcome.ok], len(outcomes), data)
    return {"rows": len(rows), "checks": len(outcomes)}


def _refuse(failed: list[Outcome], checks: int, data: Path) -> None:
    if failed:
        sentences = "".join(f"\n- {outcome.message}" for outcome in failed)
        raise ValidationError(f"{data.name} broke {len(failed)} of {checks} checks:{sentences}")
