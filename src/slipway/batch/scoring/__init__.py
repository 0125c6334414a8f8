"""Scores one chunk of rows and measures what went in and came out."""
