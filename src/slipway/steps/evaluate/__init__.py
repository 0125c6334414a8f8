"""Evaluate: score a fitted model on rows that it was not trained on, and write a report."""

from slipway.contract.schema import read_contract
from slipway.inference.skops_file import load_model
from slipway.steps.evaluate.evaluation_files import write_evaluation
from slipway.steps.evaluate.holdout_predictions import score_holdout
from slipway.steps.evaluate.metrics_with_intervals import results_of
from slipway.steps.evaluate.permutation_importance import importance_of
from slipway.tables.data_frame import read_parquet

__all__ = [
    "importance_of",
    "load_model",
    "read_contract",
    "read_parquet",
    "results_of",
    "score_holdout",
    "write_evaluation",
]
