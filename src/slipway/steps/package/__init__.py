"""Package: compile the fitted model, prove that it agrees with scikit-learn, and write an MLflow model without a pickle."""

from slipway.contract.schema import read_contract
from slipway.inference.skops_file import load_model
from slipway.steps.package.step import compile_exactly, write_package
from slipway.tables.data_frame import read_parquet

__all__ = ["compile_exactly", "load_model", "read_contract", "read_parquet", "write_package"]
