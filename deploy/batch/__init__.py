"""Batch scoring on one machine: files in, a dataset or a file out, in constant memory and all or nothing."""

from deploy.batch.acceptance import Policy
from deploy.batch.dataset import Done, Request, score_dataset
from deploy.batch.job import score
from deploy.batch.plan import Options

__all__ = ["Done", "Options", "Policy", "Request", "score", "score_dataset"]
