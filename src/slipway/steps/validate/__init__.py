"""Refuse training data that breaks the contract or an expectation."""

from slipway.steps.validate.step import validate

__all__ = ["validate"]
