"""The loader that is packed into a model directory, so that MLflow alone can load it."""
