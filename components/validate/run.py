"""Validate: check the rows against the contract and the expectations, and report every failed check at once."""

from __future__ import annotations

from pathlib import Path

from slipway.pipeline.component import main
from slipway.steps.validate import (
    build_contract_checks,
    build_expectation_checks,
    read_contract,
    read_parquet,
    run_checks,
)


def validate(
    out: Path,
    *,
    data: Path,
    contract: Path,
    target: str,
    time: str = "",
    expectations: dict,  # type: ignore[type-arg]  # the harness looks a parameter's plain type up
) -> dict[str, float]:
    """Write ``validation.json`` with every check; returns the number of rows and checks.

    Raises:
        ValidationError: at least one check failed; the message has a sentence for each.
        SettingsError: an expectation has an unknown name, column or class, or bounds that no value can satisfy.
    """
    rows, public = read_parquet(data), read_contract(contract)
    rules = [
        *build_contract_checks(public, target, time),  # types, nulls, allowed values, classes
        *build_expectation_checks(expectations, rows, public, target),  # `[validate]`: row counts, ranges and shares
    ]
    return run_checks(rows, rules, data, out)


if __name__ == "__main__":
    main(validate)
