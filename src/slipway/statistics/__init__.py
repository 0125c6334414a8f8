"""Metrics with block-bootstrap intervals; reference distributions and distances between them. Can import contract
and reporting."""
