"""Score the fitted model on rows it has never seen."""

from slipway.steps.evaluate.step import evaluate

__all__ = ["evaluate"]
