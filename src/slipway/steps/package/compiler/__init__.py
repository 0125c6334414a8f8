"""Fitted scikit-learn pipelines to ONNX in float64, exact to the order of additions."""
