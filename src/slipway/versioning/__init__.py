"""Versions from commits: commit lint, next version, tagging, package. Can import contract, storage and reporting."""
