"""Runs components as MLflow runs, cached by content, and returns a candidate. May import settings, tables, storage and
reporting."""
