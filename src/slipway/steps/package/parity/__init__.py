"""Prove that a compiled model predicts the same as scikit-learn."""
