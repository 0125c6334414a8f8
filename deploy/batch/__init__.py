"""Batch scoring on one machine: a file in, a file out, in constant memory and all or nothing."""

from deploy.batch.job import score

__all__ = ["score"]
