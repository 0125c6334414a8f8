"""Validate: what rows must keep before they may train a model."""

from slipway.contract.schema import read_contract
from slipway.steps.validate.checks import refuse_broken
from slipway.steps.validate.contract_checks import contract_rules
from slipway.steps.validate.expectations import expectation_rules
from slipway.tables.data_frame import read_parquet

__all__ = ["contract_rules", "expectation_rules", "read_contract", "read_parquet", "refuse_broken"]
