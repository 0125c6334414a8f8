"""Batch scoring: one dataset in, one scored dataset out, resumable, on one machine or on Spark. May import inference,
bundle, tables, statistics, storage, contract and reporting."""
