"""Batch scoring on a Spark cluster: each task writes one part of the dataset with the code of the local engine."""
