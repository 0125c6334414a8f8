"""Metrics with block-bootstrap intervals; reference distributions and the distance between two. May import contract
and reporting."""
