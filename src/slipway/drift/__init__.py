"""Drift detection: compare rows and predictions with the reference of a release. May import inference, bundle, tables,
statistics, storage, contract and reporting."""
