"""The proof that a compiled model predicts what scikit-learn predicts."""
