"""Batch scoring on many machines: Spark spreads the parts of a dataset, and each is made as on one machine."""
