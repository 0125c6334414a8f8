"""Compile fitted scikit-learn pipelines to ONNX in float64, exact down to the order of additions."""
