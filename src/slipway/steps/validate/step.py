"""Refuse training data that breaks the contract or an expectation, and say everything that is wrong at once."""

from __future__ import annotations

from pathlib import Path

import msgspec

from slipway.contract.schema import read_contract
from slipway.errors import ValidationError
from slipway.steps.validate.checks import Outcome, judge
from slipway.steps.validate.contract_checks import contract_rules
from slipway.steps.validate.expectations import expectation_rules, read_expectations
from slipway.tables.data_frame import read_parquet


def validate(
    out: Path,
    *,
    data: Path,
    contract: Path,
    target: str,
    time: str = "",
    expectations: dict,  # type: ignore[type-arg]  # the harness looks a parameter's plain type up
) -> dict[str, float]:
    """Write ``validation.json`` with every check, and give the number of rows and checks.

    Raises:
        ValidationError: at least one check failed; a sentence for each.
        SettingsError: an expectation has an unknown name, column or class, or bounds that cannot be met.
    """
    frame, public = read_parquet(data), read_contract(contract)
    wanted = read_expectations(expectations, [*frame.columns, *(c.name for c in public.inputs)], public)
    rules = [*contract_rules(public, target, time), *expectation_rules(wanted, target)]
    outcomes = judge(frame, rules)
    report = {"rows": len(frame), "ok": all(o.ok for o in outcomes), "checks": outcomes}
    (out / "validation.json").write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    _refuse([outcome for outcome in outcomes if not outcome.ok], len(outcomes), data)
    return {"rows": len(frame), "checks": len(outcomes)}


def _refuse(failed: list[Outcome], checks: int, data: Path) -> None:
    if failed:
        sentences = "".join(f"\n- {outcome.message}" for outcome in failed)
        raise ValidationError(f"{data.name} broke {len(failed)} of {checks} checks:{sentences}")
