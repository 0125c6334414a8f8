"""Rows in files and data frames: CSV, JSON lines, Parquet, Arrow, prediction logs, scored datasets. May import contract
and storage."""
