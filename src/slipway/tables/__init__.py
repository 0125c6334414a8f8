"""Rows in files and data frames: CSV, JSON Lines, Parquet, Arrow, prediction logs, scored datasets. Can import contract
and storage."""
