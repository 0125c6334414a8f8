"""Fit the estimator that the settings name."""

from slipway.steps.train.step import train

__all__ = ["train"]
