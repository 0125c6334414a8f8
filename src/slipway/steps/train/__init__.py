"""Train: what a project builds its model of, and the fit."""

from slipway.contract.schema import read_contract
from slipway.steps.train.estimator import build_estimator, build_preprocessing
from slipway.steps.train.step import fit

__all__ = ["build_estimator", "build_preprocessing", "fit", "read_contract"]
