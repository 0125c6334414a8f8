"""Loads a model file or a bundle and predicts with it. May import bundle, statistics and contract."""
