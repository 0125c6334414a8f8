"""The loader that is packed into a model directory, so that MLflow can load the model without Slipway."""
