"""Refuse training data that breaks the contract or an expectation."""

from slipway.pipeline.component import main
from slipway.steps.validate import validate

if __name__ == "__main__":
    main(validate)
