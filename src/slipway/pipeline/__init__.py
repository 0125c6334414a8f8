"""Runs components as MLflow runs, cached by content, and ends in a candidate. May import settings, tables, storage and
reporting."""
