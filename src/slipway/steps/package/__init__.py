"""Compile the fitted model, prove it equal, and wrap it as an MLflow model."""

from slipway.steps.package.step import package

__all__ = ["package"]
