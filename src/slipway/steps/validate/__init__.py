"""Validate: check rows before a model is trained on them."""

from slipway.contract.schema import read_contract
from slipway.steps.validate.checks import Check, make_row_check, run_checks
from slipway.steps.validate.contract_checks import build_contract_checks
from slipway.steps.validate.expectations import build_expectation_checks
from slipway.tables.data_frame import read_parquet

__all__ = [
    "Check",
    "build_contract_checks",
    "build_expectation_checks",
    "make_row_check",
    "read_contract",
    "read_parquet",
    "run_checks",
]
