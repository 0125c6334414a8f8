"""Writes that are whole or absent; file locks; digests; rotating files."""
