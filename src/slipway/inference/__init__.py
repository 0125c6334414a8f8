"""A model file or a bundle, loaded, that predicts. May import bundle, statistics and contract."""
